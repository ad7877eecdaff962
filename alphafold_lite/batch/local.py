"""Workers as processes of this machine, over pipes. They end with the process that started them, whatever that died of."""

import logging
import os
import signal
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from alphafold_lite.batch.engine import Death, Setup, WorkerHandle
from alphafold_lite.batch.files import hold_share
from alphafold_lite.batch.messages import Job, Message
from alphafold_lite.batch.placement import VISIBLE_GPUS, Slot, local_slots, visible_gpus
from alphafold_lite.batch.processes import process_context
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.batch.worker import begin, one_at_a_time, work

_KILLED = 1


class LocalEngine:
    """Processes of this machine.

    Args:
        settings: how many fold, and on what.
    """

    def __init__(self, settings: BatchSettings) -> None:
        self._settings = settings

    def fold_slots(self) -> Sequence[Slot]:
        device = self._settings.prediction.device
        gpus = visible_gpus() if device in ("auto", "cuda") else ()
        return local_slots(self._settings.fold_workers, device, gpus, torch.get_num_threads())

    def add(self, setup: Setup) -> "WorkerProcess":
        return WorkerProcess(setup)

    def speaking(self, workers: Sequence[WorkerHandle], *, timeout: float) -> Sequence[WorkerHandle]:
        by_connection = {worker.connection: worker for worker in workers if isinstance(worker, WorkerProcess)}
        return [by_connection[connection] for connection in wait(list(by_connection), timeout)]  # type: ignore[index]

    def close(self) -> None:
        pass


class WorkerProcess(WorkerHandle):
    """A worker at the other end of a pipe.

    Args:
        setup: what it is made from.
    """

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        context = process_context()
        self.connection, theirs = context.Pipe()
        self._life, their_life = context.Pipe(duplex=False)[::-1]
        environment = dict(os.environ) | ({} if setup.slot.gpu is None else {VISIBLE_GPUS: setup.slot.gpu})
        arguments, name = (setup, theirs, their_life, environment), f"alphafold-lite {setup.role}"
        self._process: BaseProcess = context.Process(target=_main, args=arguments, name=name, daemon=True)
        self._process.start()
        theirs.close()
        their_life.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid or 0

    @property
    def where(self) -> str:
        return f"process {self.pid}"

    def send(self, job: Job) -> None:
        try:
            self.connection.send(job)
        except OSError:
            logging.getLogger(__name__).debug("worker %d is gone", self.pid)

    def receive(self) -> Message | None:
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            return None

    def kill(self, *, patience: float = 0.0) -> Death:
        self._process.join(timeout=patience)
        self._process.kill()
        self._process.join()
        self.connection.close()
        self._life.close()
        code = self._process.exitcode
        if code is None or code >= 0:
            return Death(how=f"exit code {code}")
        number = signal.Signals(-code)  # the system kills what takes too much memory
        return Death(how=f"signal {number.name}", may_be_memory=number == signal.SIGKILL)


def _main(setup: Setup, connection: Connection, life: Connection, environment: dict[str, str]) -> None:
    """The life of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.update(environment)
    threading.Thread(target=_die_with, args=(life,), daemon=True).start()
    share, send = hold_share(Path(setup.settings.out_dir), setup.settings.shard), one_at_a_time(connection.send)
    worker = begin(setup, send)
    while worker is not None and (job := _next(connection)) is not None:
        work(worker, job, send)
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
