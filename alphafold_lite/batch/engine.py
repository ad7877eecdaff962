"""What the keeper of the journal knows of workers, wherever they live: as processes of this machine or as actors of a cluster."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from alphafold_lite.batch.messages import Job, Message, Role
from alphafold_lite.batch.placement import Place, Slot
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.batch.stages import FoldWorker, RelaxWorker, SearchWorker, Worker
from alphafold_lite.predict.folder import RunIdentity
from data_pipeline.config import SearchConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """What a worker is made from; all but the folding one need what the folding worker found out."""

    role: Role
    settings: BatchSettings
    slot: Slot
    identity: RunIdentity | None = None
    search: SearchConfig | None = None

    def build(self) -> Worker:
        """The worker."""
        if self.role == "fold":
            return FoldWorker(self.settings)
        if self.identity is None or self.search is None:
            raise ValueError(f"a {self.role} worker without an identity")
        return SearchWorker(self.search, self.identity) if self.role == "search" else RelaxWorker(self.identity)


@dataclass(frozen=True, kw_only=True, slots=True)
class Death:
    """How a worker ended, and whether a lack of memory may have been the reason."""

    how: str
    may_be_memory: bool = False

    def __str__(self) -> str:
        return self.how


class WorkerHandle(ABC):
    """A worker as the keeper of the journal sees it.

    Args:
        setup: what it is made from.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.role: Role = setup.role
        self.job: Job | None = None
        self.job_started = 0.0
        self.is_ready = False
        self.born = time.monotonic()
        self.place: Place | None = None  # of folding workers that are ready
        self.node: str | None = None  # the machine, where there may be several

    def give(self, job: Job) -> None:
        """Hand out a job; a worker that died meanwhile is noticed when it is listened to."""
        self.job, self.job_started = job, time.monotonic()
        self.send(job)

    @property
    @abstractmethod
    def where(self) -> str:
        """Machine and process, for people."""

    @abstractmethod
    def send(self, job: Job) -> None:
        """Pass a job on."""

    @abstractmethod
    def receive(self) -> Message | None:
        """The next message; None where the worker is dead."""

    @abstractmethod
    def kill(self, *, patience: float = 0.0) -> Death:
        """End it now, or once `patience` seconds have passed; says how it ended."""


class Engine(Protocol):
    """Makes workers and listens to them."""

    def fold_slots(self) -> Sequence[Slot]:
        """One for each folding worker."""
        ...

    def add(self, setup: Setup) -> WorkerHandle:
        """Begin a worker."""
        ...

    def speaking(self, workers: Sequence[WorkerHandle], *, timeout: float) -> Sequence[WorkerHandle]:
        """Those that have a message or are dead, after `timeout` seconds at most."""
        ...

    def close(self) -> None:
        """End what the engine itself has begun; its workers have ended."""
        ...
