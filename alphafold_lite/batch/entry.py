"""A target on its way through the workers."""

import json
import time
from dataclasses import dataclass, field

from alphafold_lite.batch.grouping import Size
from alphafold_lite.batch.journal import Target
from alphafold_lite.batch.messages import Begun, JobEnded, StageResult


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
    fold_began: float | None = None  # when the fold call began that is under way, by the monotonic clock

    def fold_seconds(self, message: Begun | StageResult | JobEnded) -> float:
        """How long the fold call took that a message ends, in seconds: by the worker where it succeeded, by the clock where not; else 0."""
        if isinstance(message, Begun):
            self.fold_began = time.monotonic() if message.stage == "fold" else None
            return 0.0
        began, self.fold_began = self.fold_began, None
        if isinstance(message, StageResult):
            return message.seconds if message.stage == "fold" else 0.0
        return 0.0 if began is None else time.monotonic() - began

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
