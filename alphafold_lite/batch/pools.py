"""Workers by role, and the targets that wait for them: queues of bounded length."""

import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait

from alphafold_lite.batch.journal import Target
from alphafold_lite.batch.messages import Fatal, Job, LogLine, Message, Ready, Role
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.batch.worker import Setup, WorkerProcess

ROLES: tuple[Role, ...] = ("search", "fold", "relax")
MAX_STILLBORN = 3  # workers in a row that end before they are set up
DYING = 1.0  # seconds from the end of a pipe to that of its process
TICK = 0.2  # seconds between looks at signals and clocks while no worker has anything to say


@dataclass(slots=True, eq=False)
class Entry:
    """A target on its way."""

    target: Target
    seconds: float = 0.0  # that workers spent on it in this run
    deaths: int = 0
    rung: int = 0
    error: str | None = None
    details: dict[str, object] = field(default_factory=dict[str, object])


class Pools:
    """All workers. The folding one is made first and says what the others need."""

    def __init__(self, settings: BatchSettings) -> None:
        self._settings, self._stillborn = settings, 0
        self.queues: dict[Role, deque[Entry]] = {role: deque() for role in ROLES}
        self.workers: list[WorkerProcess] = []
        self.entries: dict[WorkerProcess, Entry] = {}  # what each one has in hand
        self._setups: dict[Role, Setup] = {"fold": Setup(role="fold", settings=settings)}

    def start(self, received: Sequence[int]) -> Ready:
        """Make the folding worker, wait for it, then make the others.

        Raises:
            InputError, MissingResourceError: the parameters, the device or the search cannot be used.
        KeyboardInterrupt: `received` is no longer empty.
        """
        self._add("fold")
        while True:
            if received:
                raise KeyboardInterrupt
            for worker, message in self.messages():
                if isinstance(message, Ready):
                    return message
                self.check(worker, message)

    def start_others(self, ready: Ready) -> None:
        """Make the workers that search, and those that relax where anything is relaxed."""
        relaxes = ready.identity is not None and ready.identity.configuration["relax"] != "none"
        numbers: dict[Role, int] = {"search": self._settings.search_workers}
        if relaxes:
            numbers["relax"] = self._settings.relax_workers
        for role, number in numbers.items():
            self._setups[role] = Setup(role=role, settings=self._settings, identity=ready.identity, search=ready.search)
            for _ in range(number):
                self._add(role)

    def check(self, worker: WorkerProcess, message: Message | None) -> None:
        """Handle what any worker may say at any time.

        Raises:
            InputError, MissingResourceError: it cannot be set up.
        """
        if isinstance(message, LogLine):
            logging.getLogger("alphafold_lite").log(message.level, "%s", message.text)
        elif isinstance(message, Fatal):
            raise message.failure.to_error()
        elif message is None:
            self._stillborn += not worker.is_ready
            how = self.replace(worker, patience=DYING)
            if self._stillborn > MAX_STILLBORN:
                raise RuntimeError(f"the {worker.role} worker ends before it is set up, last by {how}")

    def messages(self) -> list[tuple[WorkerProcess, Message | None]]:
        """The next message of each worker that has one, after a short wait at most."""
        by_connection = {worker.connection: worker for worker in self.workers}
        found: list[tuple[WorkerProcess, Message | None]] = []
        for connection in wait(list(by_connection), timeout=TICK):
            worker = by_connection[connection]  # type: ignore[index]
            message = worker.receive()
            if isinstance(message, Ready):
                worker.is_ready, self._stillborn = True, 0
            found.append((worker, message))
        return found

    def idle(self, role: Role) -> list[WorkerProcess]:
        """Workers of a role that are set up and have nothing in hand."""
        return [worker for worker in self.workers if worker.role == role and worker.is_ready and worker.job is None]

    def give(self, worker: WorkerProcess, entry: Entry, job: Job) -> None:
        """Hand a job out."""
        self.entries[worker] = entry
        worker.give(job)

    def release(self, worker: WorkerProcess) -> Entry:
        """Take back what a worker had in hand."""
        entry = self.entries.pop(worker)
        entry.seconds += time.monotonic() - worker.job_started
        worker.job = None
        return entry

    def replace(self, worker: WorkerProcess, *, patience: float = 0.0) -> str:
        """End a worker and make another in its place; says how it ended."""
        how = worker.kill(patience=patience)
        self.workers.remove(worker)
        self._add(worker.role)
        return how

    def overdue(self) -> list[WorkerProcess]:
        """Workers whose target has had its time."""
        limit, now = self._settings.time_limit, time.monotonic()
        if limit is None:
            return []
        return [
            worker
            for worker, entry in self.entries.items()
            if worker.is_ready and entry.seconds + now - worker.job_started > limit
        ]

    def at_work(self) -> dict[str, int]:
        """Targets in each role's hands."""
        busy = [worker.role for worker in self.entries]
        return {role: busy.count(role) for role in ROLES}

    @property
    def num_waiting(self) -> int:
        """Targets in all queues."""
        return sum(map(len, self.queues.values()))

    def stop(self) -> None:
        """End all workers at once."""
        for worker in self.workers:
            worker.kill()
        self.workers.clear()

    def _add(self, role: Role) -> None:
        self.workers.append(WorkerProcess(self._setups[role]))
