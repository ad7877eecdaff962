"""Inference policy: recycling, precision, ranking."""
