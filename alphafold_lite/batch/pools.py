"""Workers by role, and the targets that wait for them: queues of bounded length."""

import logging
import math
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace

from alphafold_lite.batch.apart import search_alone
from alphafold_lite.batch.engine import Death, Engine, Setup, WorkerHandle
from alphafold_lite.batch.entry import Entry
from alphafold_lite.batch.journal import Target
from alphafold_lite.batch.messages import Fatal, Job, LogLine, Message, Ready, Role, StageResult
from alphafold_lite.batch.placement import Slot
from alphafold_lite.batch.room import Room, needed_bytes
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.common.errors import MissingResourceError, TargetError
from alphafold_lite.predict.device import too_long
from alphafold_lite.predict.folder import RunIdentity

ROLES: tuple[Role, ...] = ("search", "fold", "relax")
MAX_IDLE_DEATHS = 3  # in a row, for each worker
DYING = 1.0  # seconds from the end of a pipe to that of its process
MISSED = 600.0  # seconds that targets too large for all known places wait for a folding worker that is not there yet
TICK = 0.2  # seconds between looks at signals and clocks while no worker has anything to say


class Pools:
    """All workers. The first folding one that is ready says what the others need.

    Args:
        settings: how many there are.
        engine: where they live.
    """

    def __init__(self, settings: BatchSettings, engine: Engine) -> None:
        self._settings, self._engine = settings, engine
        self._idle_deaths: Counter[Role] = Counter()  # since a worker of the role was last given a job
        self.queues: dict[Role, deque[Entry]] = {role: deque() for role in ROLES}
        self.workers: list[WorkerHandle] = []
        self.entries: dict[WorkerHandle, Entry] = {}  # what each one has in hand
        self.groups: dict[WorkerHandle, dict[int, Entry]] = {}  # of several targets those that have not ended
        self.fold_workers = 1
        self._ready: Ready | None = None
        self._room = Room()
        self._max_residues: dict[str, int | None] = {}  # that a place has room for, by its name

    def start(self, received: Sequence[int]) -> Ready:
        """Make the folding workers, wait for one of them, then make the others.

        Raises:
            InputError, MissingResourceError: the parameters, the device or the search cannot be used.
        KeyboardInterrupt: `received` is no longer empty.
        """
        if self._settings.part == "search":  # which needs no network
            self._ready = search_alone(self._settings.search)
            return self._ready
        slots = self._engine.fold_slots()
        self.fold_workers = len(slots)
        for slot in slots:
            self._add("fold", slot)
        while self._ready is None:
            if received:
                raise KeyboardInterrupt
            for worker, message in self.messages():
                self.check(worker, message)
        return self._ready

    def start_others(self, ready: Ready) -> None:
        """Make the workers that search, and those that relax where anything is relaxed."""
        relaxes = ready.identity is not None and ready.identity.configuration["relax"] != "none"
        numbers: dict[Role, int] = {} if self._settings.part == "fold" else {"search": self._settings.search_workers}
        if relaxes:
            numbers["relax"] = self._settings.relax_workers
        for role, number in numbers.items():
            for _ in range(number):
                self._add(role, Slot())

    def check(self, worker: WorkerHandle, message: Message | None) -> None:
        """Handle what any worker may say at any time.

        Raises:
            InputError, MissingResourceError: it cannot be set up, or would give other results than the first.
        """
        if isinstance(message, LogLine):
            logging.getLogger("alphafold_lite").log(message.level, "%s", message.text)
        elif isinstance(message, Fatal):
            raise message.failure.to_error()
        elif isinstance(message, Ready):
            self._welcome(worker, message)
        elif message is None:
            self._idle_deaths[worker.role] += 1
            death = self.replace(worker, patience=DYING)
            workers = sum(other.role == worker.role for other in self.workers)
            if self._idle_deaths[worker.role] > MAX_IDLE_DEATHS * workers:
                raise RuntimeError(f"{worker.role} workers end before they have done anything, last by {death}")

    def messages(self) -> list[tuple[WorkerHandle, Message | None]]:
        """The next message of each worker that has one, after a short wait at most."""
        self._room.keep(worker.place.name for worker in self.workers if worker.place is not None)
        return [(worker, worker.receive()) for worker in self._engine.speaking(self.workers, timeout=TICK)]

    def idle(self, role: Role) -> list[WorkerHandle]:
        """Workers of a role that are set up and have nothing in hand."""
        return [worker for worker in self.workers if worker.role == role and worker.is_ready and worker.job is None]

    def next_for(self, worker: WorkerHandle) -> Entry | None:
        """Take the first target that waits for a worker's role and has room where it is; None where there is no such."""
        queue = self.queues[worker.role]
        for entry in queue:
            if self._fits(entry, worker):
                queue.remove(entry)
                return entry
        return None

    @property
    def lengths_wanted(self) -> tuple[int, ...]:
        """The most residues of a target that is to be taken next, then of one where there is none such; nothing: it is enough."""
        entries = [*self.entries.values(), *(entry for queue in self.queues.values() for entry in queue)]
        queue = self._settings.queue
        lengths = [entry.size.residues for entry in entries]
        return self._room.wanted(lengths, limit=len(self.workers) + 2 * queue, limit_longer=max(1, queue // 2))

    def is_full(self, role: Role) -> bool:
        """Whether enough targets wait for a role; those to fold that not every worker has room for do not count."""
        waiting = self.queues[role]
        counted = sum(role != "fold" or self._room.is_common(entry.size.residues) for entry in waiting)
        return counted >= self._settings.queue

    def refusal(self, target: Target) -> TargetError | None:
        """The error for a target that has still to be folded and that no place has memory for.

        Nothing is refused while some folding worker has yet to say what it has room for.
        """
        if "fold" in target.stages or not all(worker.is_ready for worker in self.workers if worker.role == "fold"):
            return None
        lengths, num_res = [*self._max_residues.values()], len(target.record.sequence)
        longest = max((math.inf if length is None else length for length in lengths), default=math.inf)
        return too_long(num_res, int(longest)) if num_res > longest else None

    def companions(self, worker: WorkerHandle, first: Entry) -> list[Entry]:
        """Take the targets that a worker folds together with the first, which it is about to be given; none is the rule.

        What waits is shared among the workers that are idle.
        """
        grouping = None if self._ready is None else self._ready.grouping
        if worker.role != "fold" or grouping is None or not first.may_join:
            return []
        queue = self.queues["fold"]
        limit = -(-(1 + len(queue)) // max(1, len(self.idle("fold"))))
        waiting = [entry for entry in queue if entry.may_join]
        found = [waiting[place] for place in grouping.companions(first.size, (e.size for e in waiting), limit=limit)]
        for entry in found:
            queue.remove(entry)
        if found:
            self.groups[worker] = dict(enumerate((first, *found)))
        return found

    def disband(self, worker: WorkerHandle) -> bool:
        """Where a worker has several targets in hand, those that have not ended wait again, to be folded each alone; False where not."""
        members = self.groups.pop(worker, None)
        if members is None:
            return False
        self.entries.pop(worker)
        worker.job = None
        for entry in reversed(members.values()):
            entry.alone = True
            self.queues["fold"].appendleft(entry)
        return True

    def give(self, worker: WorkerHandle, entry: Entry, job: Job) -> None:
        """Hand a job out."""
        self.entries[worker] = entry
        self._idle_deaths[worker.role] = 0
        worker.give(job)

    def release(self, worker: WorkerHandle) -> Entry:
        """Take back what a worker had in hand."""
        entry = self.entries.pop(worker)
        entry.seconds += time.monotonic() - worker.job_started
        worker.job = None
        return entry

    def replace(self, worker: WorkerHandle, *, patience: float = 0.0) -> Death:
        """End a worker and make another in its place; says how it ended."""
        death = worker.kill(patience=patience)
        self.workers.remove(worker)
        self._add(worker.role, worker.setup.slot)
        return death

    def overdue(self) -> list[WorkerHandle]:
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
        busy = Counter[str]()
        for worker in self.entries:
            busy[worker.role] += len(self.groups.get(worker, (worker,)))
        return {role: busy[role] for role in ROLES}

    @property
    def num_waiting(self) -> int:
        """Targets in all queues."""
        return sum(map(len, self.queues.values()))

    def stop(self) -> None:
        """End all workers at once."""
        for worker in self.workers:
            worker.kill()
        self.workers.clear()

    def _fits(self, entry: Entry, worker: WorkerHandle) -> bool:
        """Whether the memory where a worker is suffices; what is too large everywhere waits until all places are known."""
        if worker.place is None:
            return True
        in_hand = Counter[str]()
        for other, held in self.entries.items():
            if other.place is not None:
                in_hand[other.place.name] += int(self._room.needed(held.size.residues))
        late = time.monotonic() - MISSED
        all_known = all(other.is_ready or other.born < late for other in self.workers if other.role == "fold")
        return self._room.fits(entry.size.residues, worker.place.name, in_hand, all_known=all_known)

    def _welcome(self, worker: WorkerHandle, ready: Ready) -> None:
        """A worker is set up.

        Raises:
            MissingResourceError: a folding worker whose results would not be those of the first.
        """
        worker.is_ready, worker.place = True, ready.place
        if ready.identity is None:
            return
        if self._ready is None or self._ready.identity is None:
            self._ready, self._room.needed = ready, needed_bytes(ready.identity)
        elif (differing := _differing(self._ready.identity, ready.identity)) is not None:
            raise MissingResourceError(
                "folding workers that give the same results",
                f"another {differing} on {worker.where}",
                "install the same versions and parameters everywhere, and name --device, --precision and --relax",
            )
        self._max_residues["" if ready.place is None else ready.place.name] = ready.max_residues
        if ready.place is not None:
            self._room.open(ready.place)

    def _add(self, role: Role, slot: Slot) -> None:
        setup = Setup(role=role, settings=self._settings, slot=slot)
        if role != "fold" and self._ready is not None:
            setup = replace(setup, identity=self._ready.identity, search=self._ready.search)
        self.workers.append(self._engine.add(setup))


def noted(result: StageResult, entry: Entry, worker: WorkerHandle) -> StageResult:
    """The result of a stage with what the journal keeps of those who worked on it: where, and who died over it."""
    told: dict[str, object] = {"deaths": list(entry.deaths)} if entry.deaths else {}
    if worker.node is not None:
        told["node"] = worker.node
    return replace(result, details=result.details | told) if told else result


def _differing(first: RunIdentity, other: RunIdentity) -> str | None:
    """What two workers do not have in common of that which decides results."""
    for name in first.configuration:
        if other.configuration.get(name) != first.configuration[name]:
            return name
    return "parameter file" if (first.parameters, first.seeds) != (other.parameters, other.seeds) else None
