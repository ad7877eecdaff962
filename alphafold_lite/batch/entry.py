"""A target on its way through the workers."""

import json
from dataclasses import dataclass, field

from alphafold_lite.batch.grouping import Size
from alphafold_lite.batch.journal import Target


@dataclass(slots=True, eq=False)
class Entry:
    """A target on its way."""

    target: Target
    seconds: float = 0.0  # that workers spent on it in this run
    deaths: list[str] = field(default_factory=list[str])  # how workers ended over it, and where
    rung: int = 0
    error: str | None = None
    details: dict[str, object] = field(default_factory=dict[str, object])
    alone: bool = False  # not to be folded together with others: it was, and they did not all come to their end

    @property
    def size(self) -> Size:
        """Its residues and, once it is searched, its alignment and templates."""
        searched = self.target.stages.get("search")
        before = {} if searched is None else json.loads(searched["details"])
        found = before | self.details
        depth, templates = found.get("msa_depth"), bool(found.get("templates"))
        residues = len(self.target.record.sequence)
        return Size(residues=residues, rows=depth if isinstance(depth, int) else 1, templates=templates)

    @property
    def may_join(self) -> bool:
        """Whether it may be folded together with others: nothing went wrong over it before."""
        return not (self.alone or self.deaths or self.rung)
