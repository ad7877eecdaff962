"""Worker processes: one job at a time over a pipe; they end with the process that started them, whatever that died of."""

import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from alphafold_lite.batch.files import hold_share
from alphafold_lite.batch.messages import Failure, Fatal, Job, JobEnded, LogLine, Message, Role
from alphafold_lite.batch.processes import process_context
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.batch.stages import FoldWorker, RelaxWorker, SearchWorker, Worker
from alphafold_lite.predict.folder import RunIdentity
from data_pipeline.config import SearchConfig

LOGGERS = ("alphafold_lite", "data_pipeline")
_KILLED = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """What a worker is made from; all but the folding one need what the folding worker found out."""

    role: Role
    settings: BatchSettings
    identity: RunIdentity | None = None
    search: SearchConfig | None = None

    def build(self) -> Worker:
        """The worker."""
        if self.role == "fold":
            return FoldWorker(self.settings)
        if self.identity is None or self.search is None:
            raise ValueError(f"a {self.role} worker without an identity")
        return SearchWorker(self.search, self.identity) if self.role == "search" else RelaxWorker(self.identity)


class WorkerProcess:
    """A worker as the keeper of the journal sees it.

    Args:
        setup: what it is made from.
    """

    def __init__(self, setup: Setup) -> None:
        self.role: Role = setup.role
        self.setup = setup
        self.job: Job | None = None
        self.is_ready = False
        self.job_started = 0.0
        context = process_context()
        self.connection, theirs = context.Pipe()
        self._life, their_life = context.Pipe(duplex=False)[::-1]
        arguments = (setup, theirs, their_life, dict(os.environ))
        name = f"alphafold-lite {setup.role}"
        self._process: BaseProcess = context.Process(target=_main, args=arguments, name=name, daemon=True)
        self._process.start()
        theirs.close()
        their_life.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid or 0

    def give(self, job: Job) -> None:
        """Hand out a job; a worker that died meanwhile is noticed when its pipe is read."""
        self.job, self.job_started = job, time.monotonic()
        try:
            self.connection.send(job)
        except OSError:
            logging.getLogger(LOGGERS[0]).debug("worker %d is gone", self.pid)

    def receive(self) -> Message | None:
        """The next message; None where the worker is dead."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            return None

    def kill(self, *, patience: float = 0.0) -> str:
        """End it now, or once `patience` seconds have passed; says how it ended."""
        self._process.join(timeout=patience)
        self._process.kill()
        self._process.join()
        self.connection.close()
        self._life.close()
        code = self._process.exitcode
        return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"


def _main(setup: Setup, connection: Connection, life: Connection, environment: dict[str, str]) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.update(environment)
    threading.Thread(target=_die_with, args=(life,), daemon=True).start()
    share = hold_share(Path(setup.settings.out_dir))
    send = _locked(connection.send)
    _log_to(send)
    try:
        worker = setup.build()
        send(worker.ready())
    except Exception as error:  # noqa: BLE001 - reported and raised again where the user sees it
        send(Fatal(failure=Failure.of(error)))
        return
    while (job := _next(connection)) is not None:
        try:
            ended = worker.do(job, send)
        except Exception as error:  # noqa: BLE001 - the failure of one target, whatever it is
            ended = JobEnded(failure=Failure.of(error))
        gc.collect()
        send(ended)
    share.close()


def _next(connection: Connection) -> Job | None:
    try:
        return connection.recv()
    except EOFError:
        return None


def _die_with(life: Connection) -> None:
    """Wait for the end of the process at the other end of the pipe, then end this one."""
    try:
        life.recv_bytes()
    except (EOFError, OSError):
        os._exit(_KILLED)


def _locked(send: Callable[[Message], None]) -> Callable[[Message], None]:
    lock = threading.Lock()

    def one_at_a_time(message: Message) -> None:
        with lock:
            send(message)

    return one_at_a_time


class _Forward(logging.Handler):
    """Sends what is logged to the parent."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        super().__init__(logging.INFO)
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        self._send(LogLine(level=record.levelno, text=record.getMessage()))


def _log_to(send: Callable[[Message], None]) -> None:
    handler = _Forward(send)
    for name in LOGGERS:
        log = logging.getLogger(name)
        log.handlers, log.propagate = [handler], False
        log.setLevel(logging.WARNING)
