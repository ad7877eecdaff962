"""What a batch is asked for: one frozen configuration, checked when it is made. Imports nothing heavy."""

from dataclasses import dataclass, field
from pathlib import Path

from alphafold_lite.common.errors import InputError
from alphafold_lite.predict.settings import Settings
from data_pipeline.config import SearchConfig

MAX_WORKERS = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchSettings:
    """Which targets, how each is folded, and how the work is spread.

    Args:
        only: names of targets; empty: all.
        time_limit: seconds that one target may take, all stages together; None: as long as it takes.
        queue: targets that may wait between two stages.

    Raises:
        InputError: a value out of its range.
    """

    fasta: str
    out_dir: Path
    params: str | None = None
    prediction: Settings = field(default_factory=Settings)
    search: SearchConfig = field(default_factory=SearchConfig)
    force: bool = False
    overwrite: bool = False
    retry_failed: bool = False
    only: tuple[str, ...] = ()
    search_workers: int = 1
    relax_workers: int = 1
    time_limit: float | None = None
    queue: int = 8

    def __post_init__(self) -> None:
        for name, value in (("--search-workers", self.search_workers), ("--relax-workers", self.relax_workers)):
            if not 1 <= value <= MAX_WORKERS:
                raise InputError(f"{name} between 1 and {MAX_WORKERS}", str(value), "give a number in that range")
        if self.time_limit is not None and not self.time_limit > 0:
            raise InputError("a --time-limit of more than 0 seconds", str(self.time_limit), "give a longer time")
        if self.queue < 1:
            raise InputError("a queue of at least one target", str(self.queue), "give a larger number")


def parse_names(text: str | None) -> tuple[str, ...]:
    """`a,b` as names; none for None.

    Raises:
        InputError: no name in the text.
    """
    if text is None:
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise InputError("--only NAME,NAME,...", repr(text), "name at least one target")
    return names
