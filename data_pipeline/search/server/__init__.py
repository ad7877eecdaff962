"""Client of the ColabFold MSA server protocol. Never used unless asked for: sequences leave the machine."""
