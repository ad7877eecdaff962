"""From a sequence and its alignments to the network's input. NumPy only, never torch."""
