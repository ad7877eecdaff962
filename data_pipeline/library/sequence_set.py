"""A sequence database in memory."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class SequenceSet:
    """What an MSA is searched in."""

    name: str
    version: str  # changes with the content: part of cache keys
    names: tuple[str, ...]
    sequences: tuple[str, ...]  # capitals: the 20 residue letters, X, and B and Z where the source has them

    def __len__(self) -> int:
        return len(self.names)
