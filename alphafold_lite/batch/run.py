"""One process keeps the journal, hands out targets and hears what became of them."""

import logging
import time
from dataclasses import replace

from alphafold_lite.batch.apart import adopt, as_searched, check_searched, ends_with, is_only_searched
from alphafold_lite.batch.engine import WorkerHandle
from alphafold_lite.batch.engines import opened_engine
from alphafold_lite.batch.entry import Entry
from alphafold_lite.batch.files import clear_leftovers, clear_state, locked, scratch_file, state_folder
from alphafold_lite.batch.journal import Journal, Target
from alphafold_lite.batch.messages import Begun, Failure, Job, JobEnded, Message, OfMember, Ready, Role, StageResult
from alphafold_lite.batch.plan import begin
from alphafold_lite.batch.pools import DYING, Pools, noted
from alphafold_lite.batch.progress import BatchProgress, SilentBatch
from alphafold_lite.batch.reporting import Reporter, warn_of
from alphafold_lite.batch.rows import ACTIVE, DONE, FAILED, PENDING
from alphafold_lite.batch.schema import JournalError, unusable
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.batch.signals import counted_signals
from alphafold_lite.batch.summary import write_summary
from alphafold_lite.batch.twins import copy_results
from alphafold_lite.common.errors import (
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_SOME_FAILED,
    TargetError,
)

log = logging.getLogger("alphafold_lite")
MAX_DEATHS = 2  # of workers over one target, before it is given up
NOTED_EVERY = 2.0  # seconds between two notes of the time that a run takes


def run_batch(settings: BatchSettings, progress: BatchProgress | None = None) -> int:
    """Fold every target that is not done yet; the exit code: 0 all done, 3 some failed, 130 interrupted.

    Raises:
        InputError: input, settings or the output folder cannot be used, or another batch uses that folder.
        MissingResourceError: parameters, a database, a program or a device that is not there.
    """
    if settings.part == "fold":
        check_searched(settings)
    folder = state_folder(settings.out_dir, settings.shard)
    with locked(settings.out_dir, settings.shard), counted_signals() as received, opened_engine(settings) as engine:
        journal = Journal(folder)
        settings = replace(settings, search=as_searched(settings, journal)) if settings.part == "fold" else settings
        pools = Pools(settings, engine)
        try:
            clear_state(settings.out_dir, settings.shard)
            return _Batch(settings, journal, pools, progress or SilentBatch(), received).run()
        except JournalError as error:
            raise unusable(folder, error) from error
        finally:
            pools.stop()
            journal.close()


class _Batch:
    def __init__(
        self, settings: BatchSettings, journal: Journal, pools: Pools, progress: BatchProgress, received: list[int]
    ) -> None:
        self._settings, self._journal, self._pools, self._received = settings, journal, pools, received
        self._reporter = Reporter(progress, settings.out_dir)
        self._started = time.monotonic()
        self._noted, self._fold_seconds, self._relaxes = 0.0, 0.0, False
        self._goal = ends_with(settings.part)

    def run(self) -> int:
        ready = self._pools.start(self._received)
        self._begin(ready)
        self._pools.start_others(ready)
        self._started = time.monotonic()
        self._reporter.counts = self._journal.counts(also_done=self._goal.state)
        self._tell()
        while not (self._is_over() or len(self._received) > 1):
            self._hand_out()
            for worker, message in self._pools.messages():
                if worker in self._pools.workers:
                    self._hear(worker, message)
            for worker in self._pools.overdue():
                self._too_long(worker)
            self._note()
        return self._end()

    def _begin(self, ready: Ready) -> None:
        """List what is to be done.

        Raises:
            InputError: as `plan.begin`.
        """
        if ready.identity is None:
            raise ValueError("a worker that does not say what it is")
        self._identity = ready.identity
        self._reporter.untrained = any(entry["untrained"] for entry in ready.identity.parameters)
        self._relaxes = ready.identity.configuration["relax"] != "none"
        for problem in begin(self._settings, self._journal, ready):
            if self._received:
                raise KeyboardInterrupt
            if problem is not None:
                self._reporter.problem(problem)

    def _is_over(self) -> bool:
        if self._pools.entries:
            return False
        if self._received:
            return True
        return not self._pools.num_waiting and self._refill() == 0

    def _refill(self) -> int:
        """Take targets from the journal while there is room; gives how many are waiting or at work."""
        settings, pools = self._settings, self._pools
        while not self._received:
            found = (self._journal.take(longest=longest) for longest in pools.lengths_wanted)
            if (target := next(filter(None, found), None)) is None:
                break
            done = self._journal.twins(target, self._goal.state)
            if done:
                self._copy(done[0], target)
            elif (error := pools.refusal(target) or adopt(target, settings, self._identity)) is not None:
                self._fail(Entry(target=target), Failure.of(error))
            else:
                pools.queues[self._next_role(target)].append(Entry(target=target))
        return len(pools.entries) + pools.num_waiting

    def _next_role(self, target: Target) -> Role:
        if "features" not in target.stages:
            return "search"
        folded = self._relaxes and "fold" in target.stages
        return "relax" if folded else "fold"

    def _hand_out(self) -> None:
        """Give every idle worker what waits for it, unless the queue behind it is full."""
        if self._received:
            return
        self._refill()
        behind: dict[Role, Role | None] = {"relax": None, "fold": "relax", "search": "fold"}
        for role, after in behind.items():
            for worker in self._pools.idle(role):
                if after is not None and self._pools.is_full(after):
                    break
                entry = self._pools.next_for(worker)
                if entry is None:
                    continue
                if role == "search":
                    warn_of(entry.target.record)
                others = tuple(map(self._job, self._pools.companions(worker, entry)))
                self._pools.give(worker, entry, replace(self._job(entry), others=others))

    def _job(self, entry: Entry) -> Job:
        settings, out_dir, target = self._settings, self._settings.out_dir, entry.target
        clear_leftovers(out_dir / target.name)
        return Job(
            record=target.record,
            folder=out_dir / target.name,
            scratch=scratch_file(out_dir, target.key, settings.shard),
            overwrite=settings.overwrite or (settings.part == "all" and is_only_searched(out_dir / target.name)),
            rung=entry.rung,
            seconds=target.seconds,
        )

    def _hear(self, worker: WorkerHandle, message: Message | None) -> None:
        """Write down what a worker says; None means that it died."""
        entry = self._pools.entries.get(worker)
        if entry is None or not isinstance(message, Begun | StageResult | JobEnded | OfMember | None):
            self._pools.check(worker, message)
        elif message is None:
            self._died(worker)
        elif isinstance(message, OfMember):
            self._hear_of_member(worker, message.member, message.message)
        elif isinstance(message, JobEnded):
            if not self._pools.disband(worker):
                self._job_ended(self._pools.release(worker), message)
            self._tell()
        else:
            self._hear_of_stage(worker, entry, message)

    def _hear_of_member(self, worker: WorkerHandle, member: int, message: Begun | StageResult | JobEnded) -> None:
        """What is said of one of several targets that a worker has in hand."""
        entry = self._pools.groups[worker][member]
        if not isinstance(message, JobEnded):
            self._hear_of_stage(worker, entry, message)
            entry.seconds += message.seconds if isinstance(message, StageResult) else 0.0
            return
        self._pools.groups[worker].pop(member)
        entry.fold_began = None  # the time of a fold call is shared among those that succeeded
        self._job_ended(entry, message)
        self._tell()

    def _hear_of_stage(self, worker: WorkerHandle, entry: Entry, message: Begun | StageResult) -> None:
        self._fold_seconds += entry.fold_seconds(message)
        if isinstance(message, Begun):
            self._journal.stage_begun(entry.target, message.stage)
            return
        self._journal.stage_ended(entry.target, noted(message, entry, worker))
        entry.details |= message.details
        entry.error = entry.error or message.error

    def _job_ended(self, entry: Entry, message: JobEnded) -> None:
        """On to the next worker, or to the end."""
        self._fold_seconds += entry.fold_seconds(message)
        failure = message.failure
        if failure is None and entry.error is not None:
            failure = Failure.of(TargetError("a relaxed structure", entry.error, "see relax_metrics.json"))
        if failure is not None and failure.no_space:
            self._journal.again(entry.target.name)
            raise failure.to_error()
        if failure is not None:
            self._fail(entry, failure)
            return
        entry.target = self._journal.get(entry.target.name)
        if self._goal.stage not in entry.target.stages:
            self._pools.queues[self._next_role(entry.target)].append(entry)
            return
        self._journal.done(entry.target.name, self._goal.state)
        scratch_file(self._settings.out_dir, entry.target.key, self._settings.shard).unlink(missing_ok=True)
        self._reporter.ended(entry, DONE)
        for twin in self._journal.twins(entry.target, PENDING):
            self._copy(entry.target, twin)

    def _copy(self, source: Target, twin: Target) -> None:
        entry = Entry(target=twin, details={"copied_from": source.name})
        settings = self._settings
        overwrite = settings.overwrite or (settings.part != "search" and is_only_searched(settings.out_dir / twin.name))
        try:
            self._journal.stage_begun(twin, self._goal.stage)
            self._journal.stage_ended(twin, copy_results(source, twin, settings.out_dir, overwrite=overwrite))
            self._journal.done(twin.name, self._goal.state)
            self._reporter.ended(entry, DONE)
        except Exception as error:
            failure = Failure.of(error)
            if failure.no_space:
                raise
            self._fail(entry, failure)

    def _fail(self, entry: Entry, failure: Failure) -> None:
        """A target failed, and with it those of the same sequence."""
        name = entry.target.name
        self._journal.failed(name, failure)
        entry.error = failure.message
        self._reporter.ended(entry, FAILED)
        for twin in self._journal.twins(entry.target, PENDING):
            message = f"the same sequence as {name}, which failed: {failure.message}"
            again = Failure(kind=failure.kind, message=message, exit_code=failure.exit_code)
            self._journal.failed(twin.name, again)
            self._reporter.ended(Entry(target=twin, error=message), FAILED)

    def _died(self, worker: WorkerHandle) -> None:
        """A worker died over a target: try it again, lighter if memory may have been the reason, or give it up; of several each alone."""
        if self._pools.disband(worker):
            log.warning("the fold worker died (%s) over several targets", self._pools.replace(worker, patience=DYING))
            return
        entry, role = self._pools.release(worker), worker.role
        death = self._pools.replace(worker, patience=DYING)
        entry.deaths.append(f"{role}: {death}")
        log.warning("%s: the %s worker died (%s)", entry.target.name, role, death)
        if len(entry.deaths) < MAX_DEATHS:
            entry.rung += death.may_be_memory and role == "fold"
            self._pools.queues[role].appendleft(entry)
            return
        message = f"the {role} worker died over it {len(entry.deaths)} times, last by {death}"
        self._fail(entry, Failure(kind="DeadWorker", message=message, exit_code=EXIT_INTERNAL))

    def _too_long(self, worker: WorkerHandle) -> None:
        if self._pools.disband(worker):
            self._pools.replace(worker)
            return
        entry = self._pools.release(worker)
        self._pools.replace(worker)
        limit = f"{self._settings.time_limit:g} seconds"
        action = "give a longer --time-limit, or leave it out"
        self._fail(entry, Failure.of(TargetError(f"an end within {limit}", "a target still at work", action)))

    def _tell(self) -> None:
        self._reporter.standing(self._pools.at_work(), time.monotonic() - self._started)

    def _note(self, ended: str | None = None) -> None:
        now = time.monotonic()
        if ended is not None or now - self._noted > NOTED_EVERY:
            self._noted = now
            seconds, workers = now - self._started, self._pools.fold_workers
            self._journal.note_run(seconds=seconds, fold_seconds=self._fold_seconds, fold_workers=workers, ended=ended)

    def _end(self) -> int:
        """The summary, and the exit code."""
        counts = self._journal.counts()
        left = counts[PENDING] + counts[ACTIVE]
        interrupted = bool(self._received) and left > 0
        self._note("interrupted" if interrupted else "complete")
        self._pools.stop()
        self._journal.settle()
        write_summary(self._settings.out_dir, self._settings.shard)
        if interrupted:
            log.warning("%d targets are left; the same command goes on with them", left)
            return EXIT_INTERRUPTED
        if left:
            log.warning("%d targets are not searched, so not folded; `alphafold-lite search` goes on with them", left)
        return EXIT_OK if counts[FAILED] + left == 0 else EXIT_SOME_FAILED
