"""What the process that keeps the journal and its workers tell each other, over pipes between themselves."""

import errno
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from alphafold_lite.batch.grouping import Grouping
from alphafold_lite.batch.placement import Place
from alphafold_lite.common.errors import (
    EXIT_INTERNAL,
    AlphaFoldLiteError,
    InputError,
    MissingResourceError,
    TargetError,
)
from alphafold_lite.predict.device import DoesNotFitError, is_out_of_memory
from alphafold_lite.predict.folder import RunIdentity
from data_pipeline.config import SearchConfig
from data_pipeline.parsers.fasta import FastaRecord

Role = Literal["search", "fold", "relax"]
Stage = Literal["search", "features", "fold", "relax", "write"]
STAGES: tuple[Stage, ...] = ("search", "features", "fold", "relax", "write")
_NO_SPACE = (errno.ENOSPC, errno.EROFS, errno.EDQUOT)
_ERRORS = {kind.__name__: kind for kind in (InputError, MissingResourceError, TargetError, DoesNotFitError)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One target for one worker, or several short ones for a folding one. `seconds` are those of the stages before, for `timings.json`."""

    record: FastaRecord
    folder: Path
    scratch: Path  # results on their way from the folding to the relaxing worker
    overwrite: bool = False
    rung: int = 0  # of the ladder that a target walks down when memory runs out
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    others: tuple["Job", ...] = ()  # to be folded in the same passes, with the same rung and no others of their own


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why a target failed."""

    kind: str
    message: str
    exit_code: int
    parts: tuple[str, str, str] | None = None  # expected, found, action
    no_space: bool = False  # the disk is full or read-only: no target can be written

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """The failure that an exception stands for."""
        if isinstance(error, AlphaFoldLiteError):
            parts = (error.expected, error.found, error.action)
            code, no_space = (
                error.exit_code,
                isinstance(error.__cause__, OSError) and error.__cause__.errno in _NO_SPACE,
            )
            return cls(kind=type(error).__name__, message=str(error), exit_code=code, parts=parts, no_space=no_space)
        kind = "MemoryError" if is_out_of_memory(error) else type(error).__name__
        return cls(kind=kind, message=f"internal error: {type(error).__name__}: {error}", exit_code=EXIT_INTERNAL)

    @property
    def out_of_memory(self) -> bool:
        """Whether less memory could have helped."""
        return self.kind in (DoesNotFitError.__name__, "MemoryError")

    def to_error(self) -> Exception:
        """The exception again."""
        known = _ERRORS.get(self.kind)
        if known is None or self.parts is None:
            return RuntimeError(self.message)
        return known(*self.parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class StageResult:
    """How one stage of one target ended; times in seconds, memory in bytes, files with their SHA-256 by path in the target's folder."""

    stage: Stage
    seconds: float
    device: str
    peak_bytes: int
    files: dict[str, str]
    details: dict[str, object]
    error: str | None = None  # of a stage that failed without ending the target's work, as a relaxation may


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """A worker has loaded what it needs; the folding worker says what it is, and where."""

    identity: RunIdentity | None = None
    search: SearchConfig | None = None
    place: Place | None = None
    max_residues: int | None = None  # of a chain that can be folded there at all; None: not known
    grouping: Grouping | None = None  # what it takes together; None: one target at a time


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """A stage of the job in hand begins."""

    stage: Stage


@dataclass(frozen=True, kw_only=True, slots=True)
class JobEnded:
    """The worker is free again; `failure` is None where all its stages are done. A `Fatal` one means that no job can be done."""

    failure: Failure | None = None
    rung: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class OfMember:
    """What is said of one target of a job with several: 0 is the job's own, then its others. The job ends with a `JobEnded` without it."""

    member: int
    message: Begun | StageResult | JobEnded


@dataclass(frozen=True, kw_only=True, slots=True)
class Fatal:
    """The worker could not be set up."""

    failure: Failure


@dataclass(frozen=True, kw_only=True, slots=True)
class LogLine:
    """What a worker logs."""

    level: int
    text: str


Message = Ready | Begun | StageResult | JobEnded | OfMember | Fatal | LogLine
