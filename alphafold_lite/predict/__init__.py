"""Composition root: query -> features -> fold -> rank -> relax -> write. Nothing heavy is imported here."""
