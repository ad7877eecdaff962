"""The life of a worker: set up once, then one job after another; all that it says goes through one function."""

import gc
import logging
import threading
from collections.abc import Callable
from dataclasses import replace

import torch

from alphafold_lite.batch.engine import Setup
from alphafold_lite.batch.messages import Failure, Fatal, Job, JobEnded, LogLine, Message
from alphafold_lite.batch.placement import place_of
from alphafold_lite.batch.stages import Send, Worker

LOGGERS = ("alphafold_lite", "data_pipeline")


def begin(setup: Setup, send: Send, *, node: str = "") -> Worker | None:
    """Make a worker and tell that it is ready; None where it cannot be made, which is told too.

    Args:
        node: tells machines apart where there are several.
    """
    _log_to(send)
    try:
        if setup.slot.threads is not None:
            torch.set_num_threads(setup.slot.threads)
        worker = setup.build()
        ready = worker.ready()
        if setup.role == "fold" and ready.identity is not None:
            ready = replace(ready, place=place_of(str(ready.identity.configuration["device"]), node))
        send(ready)
    except Exception as error:  # noqa: BLE001 - reported and raised again where the user sees it
        send(Fatal(failure=Failure.of(error)))
        return None
    gc.collect()
    gc.freeze()  # what was loaded lives as long as the worker; to look it through after each job cost a tenth of a second
    return worker


def work(worker: Worker, job: Job, send: Send) -> None:
    """Do a job and tell how it ended."""
    try:
        ended = worker.do(job, send)
    except Exception as error:  # noqa: BLE001 - the failure of one target, whatever it is
        ended = JobEnded(failure=Failure.of(error))
    gc.collect()
    send(ended)


def one_at_a_time(send: Callable[[Message], None]) -> Send:
    """A `send` for several threads."""
    lock = threading.Lock()

    def locked(message: Message) -> None:
        with lock:
            send(message)

    return locked


class _Forward(logging.Handler):
    """Sends what is logged to the keeper of the journal."""

    def __init__(self, send: Send) -> None:
        super().__init__(logging.INFO)
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        self._send(LogLine(level=record.levelno, text=record.getMessage()))


def _log_to(send: Send) -> None:
    handler = _Forward(send)
    for name in LOGGERS:
        log = logging.getLogger(name)
        log.handlers, log.propagate = [handler], False
        log.setLevel(logging.WARNING)
