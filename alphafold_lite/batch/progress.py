"""What a batch tells while it runs. The command line shows it; the library is silent by default."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetEnd:
    """One target that is done or failed in this run."""

    name: str
    state: str
    error: str | None = None
    mean_plddt: float | None = None
    ptm: float | None = None
    untrained: bool = False
    copied_from: str | None = None
    folder: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where the batch stands: targets by state, those in each role's hands, done or failed in this run, and time in seconds."""

    total: int
    done: int
    failed: int
    at_work: dict[str, int]
    ended_here: int
    seconds: float

    @property
    def rate(self) -> float:
        """Targets a second, of this run."""
        return self.ended_here / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the rate so far; None before the first target has ended."""
        return (self.total - self.done - self.failed) / self.rate if self.rate > 0 else None


class BatchProgress(Protocol):
    """Told what happens; implementations decide what to show."""

    def standing(self, standing: Standing) -> None:
        """Something changed."""
        ...

    def ended(self, end: TargetEnd) -> None:
        """A target is done or failed."""
        ...


class SilentBatch:
    """Shows nothing."""

    def standing(self, standing: Standing) -> None:
        pass

    def ended(self, end: TargetEnd) -> None:
        pass
