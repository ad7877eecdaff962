"""One process keeps the journal, hands out targets and hears what became of them."""

import logging
import sqlite3
import time
from dataclasses import asdict

from alphafold_lite.batch.files import clear_leftovers, locked, scratch_file, state_folder
from alphafold_lite.batch.journal import ACTIVE, DONE, FAILED, PENDING, Journal, Target
from alphafold_lite.batch.messages import Begun, Failure, Job, JobEnded, Message, Ready, Role, StageResult
from alphafold_lite.batch.plan import plan
from alphafold_lite.batch.pools import DYING, Entry, Pools
from alphafold_lite.batch.progress import BatchProgress, SilentBatch
from alphafold_lite.batch.reporting import Reporter
from alphafold_lite.batch.schema import unusable
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.batch.signals import counted_signals
from alphafold_lite.batch.summary import write_summary
from alphafold_lite.batch.twins import copy_results
from alphafold_lite.batch.worker import WorkerProcess
from alphafold_lite.common.errors import (
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_SOME_FAILED,
    InputError,
    TargetError,
)
from alphafold_lite.outputs.run_record import sha256_of
from alphafold_lite.outputs.scores import to_json
from data_pipeline.complexes import complex_note
from data_pipeline.parsers.fasta import FastaRecord

log = logging.getLogger("alphafold_lite")
MAX_DEATHS = 2  # of workers over one target, before it is given up
NOTED_EVERY = 2.0  # seconds between two notes of the time that a run takes
_RESULTLESS = ("threads", "cache", "use_cache")  # search settings that change no result


def run_batch(settings: BatchSettings, progress: BatchProgress | None = None) -> int:
    """Fold every target that is not done yet; the exit code: 0 all done, 3 some failed, 130 interrupted.

    Raises:
        InputError: input, settings or the output folder cannot be used, or another batch uses that folder.
        MissingResourceError: parameters, a database, a program or a device that is not there.
    """
    folder = state_folder(settings.out_dir)
    with locked(settings.out_dir), counted_signals() as received:
        journal, pools = Journal(folder), Pools(settings)
        try:
            clear_leftovers(settings.out_dir)
            return _Batch(settings, journal, pools, progress or SilentBatch(), received).run()
        except sqlite3.OperationalError as error:
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

    def run(self) -> int:
        ready = self._pools.start(self._received)
        self._begin(ready)
        self._pools.start_others(ready)
        self._started = time.monotonic()
        self._reporter.counts = self._journal.counts()
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
            InputError: as `plan`, or results of another configuration without --overwrite.
        """
        if ready.identity is None or ready.search is None:
            raise ValueError("a folding worker that does not say what it is")
        configuration = _digest(ready)
        known, settings = self._journal.configuration, self._settings
        if known is not None and known != configuration and not settings.overwrite:
            expected = f"no results of another configuration in {settings.out_dir}"
            action = "give --overwrite to replace them, or another --out-dir"
            raise InputError(expected, "a batch with other settings, parameters or device", action)
        self._reporter.untrained = ready.identity.note is not None
        self._relaxes = ready.identity.configuration["relax"] != "none"
        self._journal.begin_run(configuration)
        for problem in plan(settings, self._journal, configuration, relaxes=self._relaxes):
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
        room = settings.search_workers + settings.relax_workers + 2 * settings.queue
        while not self._received and len(pools.entries) + pools.num_waiting < room:
            target = self._journal.take()
            if target is None:
                break
            done = self._journal.twins(target, DONE)
            if done:
                self._copy(done[0], target)
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
        queues, limit = self._pools.queues, self._settings.queue
        behind: dict[Role, Role | None] = {"relax": None, "fold": "relax", "search": "fold"}
        for role, after in behind.items():
            for worker in self._pools.idle(role):
                if not queues[role] or (after is not None and len(queues[after]) >= limit):
                    break
                entry = queues[role].popleft()
                if role == "search":
                    _warn(entry.target.record)
                self._pools.give(worker, entry, self._job(entry))

    def _job(self, entry: Entry) -> Job:
        out_dir, target = self._settings.out_dir, entry.target
        clear_leftovers(out_dir / target.name)
        return Job(
            record=target.record,
            folder=out_dir / target.name,
            scratch=scratch_file(out_dir, target.key),
            overwrite=self._settings.overwrite,
            rung=entry.rung,
            seconds=target.seconds,
        )

    def _hear(self, worker: WorkerProcess, message: Message | None) -> None:
        """Write down what a worker says; None means that it died."""
        entry = self._pools.entries.get(worker)
        if entry is None or not isinstance(message, Begun | StageResult | JobEnded | None):
            self._pools.check(worker, message)
        elif message is None:
            self._died(worker)
        elif isinstance(message, Begun):
            self._journal.stage_begun(entry.target, message.stage)
        elif isinstance(message, StageResult):
            self._journal.stage_ended(entry.target, message)
            entry.details |= message.details
            entry.error = entry.error or message.error
            self._fold_seconds += message.seconds if message.stage == "fold" else 0.0
        else:
            self._job_ended(self._pools.release(worker), message)
            self._tell()

    def _job_ended(self, entry: Entry, message: JobEnded) -> None:
        """On to the next worker, or to the end."""
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
        if "write" not in entry.target.stages:
            self._pools.queues[self._next_role(entry.target)].append(entry)
            return
        self._journal.done(entry.target.name)
        scratch_file(self._settings.out_dir, entry.target.key).unlink(missing_ok=True)
        self._reporter.ended(entry, DONE)
        for twin in self._journal.twins(entry.target, PENDING):
            self._copy(entry.target, twin)

    def _copy(self, source: Target, twin: Target) -> None:
        entry = Entry(target=twin, details={"copied_from": source.name})
        try:
            self._journal.stage_begun(twin, "write")
            result = copy_results(source, twin, self._settings.out_dir, overwrite=self._settings.overwrite)
            self._journal.stage_ended(twin, result)
            self._journal.done(twin.name)
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

    def _died(self, worker: WorkerProcess) -> None:
        """A worker died over a target: try it again, lighter if memory may have been the reason, or give it up."""
        entry, role = self._pools.release(worker), worker.role
        how = self._pools.replace(worker, patience=DYING)
        entry.deaths += 1
        log.warning("%s: the %s worker died (%s)", entry.target.name, role, how)
        if entry.deaths < MAX_DEATHS:
            if how.endswith("SIGKILL") and role == "fold":
                entry.rung += 1
            self._pools.queues[role].appendleft(entry)
            return
        message = f"the {role} worker died over it {entry.deaths} times, last by {how}"
        self._fail(entry, Failure(kind="DeadWorker", message=message, exit_code=EXIT_INTERNAL))

    def _too_long(self, worker: WorkerProcess) -> None:
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
            self._journal.note_run(seconds=now - self._started, fold_seconds=self._fold_seconds, ended=ended)

    def _end(self) -> int:
        """The summary, and the exit code."""
        counts = self._journal.counts()
        left = counts[PENDING] + counts[ACTIVE]
        interrupted = bool(self._received) and left > 0
        self._note("interrupted" if interrupted else "complete")
        self._pools.stop()
        self._journal.settle()
        write_summary(self._settings.out_dir)
        if interrupted:
            log.warning("%d targets are left; the same command goes on with them", left)
            return EXIT_INTERRUPTED
        return EXIT_OK if counts[FAILED] == 0 else EXIT_SOME_FAILED


def _warn(record: FastaRecord) -> None:
    """What `predict` says of a record, too."""
    for notice in record.notices:
        log.warning("%s", notice)
    if (note := complex_note(record.chains)) is not None:
        log.warning("%s: %s", record.name, note)


def _digest(ready: Ready) -> str:
    """SHA-256 of all that decides the results but the sequences."""
    if ready.identity is None or ready.search is None:
        raise ValueError("nothing to tell configurations apart by")
    search = {name: value for name, value in asdict(ready.search).items() if name not in _RESULTLESS}
    search = {name: str(value) for name, value in search.items()}
    identity = ready.identity
    return sha256_of(to_json([identity.configuration, identity.seeds, identity.parameters, search]))
