"""Chemistry, containers and errors shared by every layer. NumPy only."""
