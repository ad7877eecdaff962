"""How good a structure and its confidence are: pure functions, NumPy arrays in, numbers and arrays out. Scores run from 0 to 1, distances are in Å."""
