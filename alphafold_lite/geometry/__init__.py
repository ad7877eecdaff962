"""Rigid bodies, torsions and atom layouts in PyTorch. Å and radians."""
