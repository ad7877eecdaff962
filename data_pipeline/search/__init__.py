"""Homology search: engines behind one protocol, and the scan of the library that finds templates."""
