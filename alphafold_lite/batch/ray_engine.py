"""Workers as actors of a Ray cluster: the part of the process that keeps the journal. Ray is imported when it is asked for."""

import logging
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from alphafold_lite import __version__
from alphafold_lite.batch.engine import Death, Setup, WorkerHandle
from alphafold_lite.batch.messages import Failure, Job, JobEnded, LogLine, Message
from alphafold_lite.batch.parcels import Delivery, pack, store
from alphafold_lite.batch.placement import Slot
from alphafold_lite.batch.ray_actor import Home, Landed, RayWorkerBody
from alphafold_lite.batch.ray_requests import HELPER_CPUS, FoldRequest, Node, fold_request
from alphafold_lite.batch.settings import LOCAL, BatchSettings
from alphafold_lite.common.errors import MissingResourceError

log = logging.getLogger("alphafold_lite")
HANDED_ON = ("ALPHAFOLD_LITE_", "OMP_WAIT_POLICY")  # beginnings of variables of this environment that workers get too
LONG_WAIT = 120.0  # seconds without a place on the cluster, after which that is said
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_NUM_REDIS_GET_RETRIES": "1",  # else it tries for ten minutes where nobody answers
    "RAY_DEDUP_LOGS": "1",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # it prints on stdout of what happens to its machines
}
_ALONE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # it then listens on 127.0.0.1 only
    "RAY_worker_niceness": "0",  # else its processes give way to all others
}
PATIENCE = 10.0  # seconds until a cluster answers
SHOWN = 300  # characters of Ray's account of a death


class RayEngine:
    """Actors of a Ray cluster.

    Args:
        settings: how many workers, and the address of the cluster.

    Raises:
        MissingResourceError: Ray is not installed, does not answer, or has not the room.
    """

    def __init__(self, settings: BatchSettings) -> None:
        self._ray = _connected(settings.address or "auto")
        try:
            nodes = [Node.of(node["Resources"]) for node in self._ray.nodes() if node["Alive"]]
            self._request = fold_request(settings, nodes)
        except BaseException:
            self.close()
            raise

    def fold_slots(self) -> Sequence[Slot]:
        threads = None if self._request.gpus else self._request.cpus
        return (Slot(threads=threads),) * self._request.number

    def add(self, setup: Setup) -> "RayWorker":
        return RayWorker(setup, self._ray, self._request)

    def speaking(self, workers: Sequence[WorkerHandle], *, timeout: float) -> Sequence[WorkerHandle]:
        actors = [worker for worker in workers if isinstance(worker, RayWorker)]
        streams = {id(stream): (worker, stream) for worker in actors for stream in worker.streams}
        waiting = [stream for _, stream in streams.values()]
        if any(worker.pending for worker in actors):
            timeout = 0.0
        ready, _ = self._ray.wait(waiting, num_returns=1, timeout=timeout, fetch_local=False)
        if ready:  # and what is ready beside the first
            ready, _ = self._ray.wait(waiting, num_returns=len(waiting), timeout=0, fetch_local=False)
        for stream in reversed(ready):  # of two streams of one worker the first is that of its job
            streams[id(stream)][0].heard = stream
        for worker in actors:
            worker.mention_wait()
        return [worker for worker in actors if worker.pending or worker.heard is not None]

    def close(self) -> None:
        self._ray.shutdown()


class RayWorker(WorkerHandle):
    """A worker as an actor. Ray neither makes it again nor repeats a job: that is for the keeper of the journal.

    Args:
        setup: what it is made from.
        ray: the module, connected.
        request: what a folding worker asks for.
    """

    def __init__(self, setup: Setup, ray: Any, request: FoldRequest) -> None:
        super().__init__(setup)
        self._ray, self._waiting_since = ray, self.born
        self._error: Exception | None = None
        self._refused: Failure | None = None  # a delivery of the job in hand that could not be stored
        self.pending: deque[Message] = deque()  # to be received before what is heard
        asked: dict[str, float] = {"num_cpus": HELPER_CPUS}
        if setup.role == "fold":
            asked = {"num_cpus": request.cpus, "num_gpus": request.gpus, "memory": request.memory}
        kind = ray.remote(RayWorkerBody).options(
            max_restarts=0, max_task_retries=0, max_concurrency=2, scheduling_strategy="SPREAD", **asked
        )
        environment = {name: value for name, value in os.environ.items() if name.startswith(HANDED_ON)}
        self._actor = kind.remote(setup, Home(version=__version__, folder=os.getcwd(), environment=environment))
        self._life = _stream(self._actor.live)
        self._work: Any = None
        self.heard: Any = None  # the stream that has something to say

    @property
    def streams(self) -> list[Any]:
        """What it may be heard on: its job, and its life, which ends with the actor."""
        return [self._life] if self._work is None else [self._work, self._life]

    @property
    def where(self) -> str:
        return self.node or "a machine of the cluster"

    def send(self, job: Job) -> None:
        self._refused = None
        try:
            self._work = _stream(self._actor.work, pack(job, self.role))
        except Exception as error:  # noqa: BLE001 - the failure of one target, whatever it is
            self.pending.append(JobEnded(failure=Failure.of(error)))

    def receive(self) -> Message | None:
        if self.pending:
            return self.pending.popleft()
        stream, self.heard = self.heard, None
        try:
            told = self._ray.get(next(stream))
        except Exception as error:  # noqa: BLE001 - whatever Ray says of an actor that it has lost
            self._error = error
            return None
        if isinstance(told, Landed):
            self.node = told.node
            return LogLine(level=logging.DEBUG, text=f"{self.role} worker on {self.node}")
        if isinstance(told, Delivery):
            return self._take_in(told)
        if isinstance(told, JobEnded):
            self._work = None
            return told if self._refused is None else replace(told, failure=self._refused)
        return told

    def kill(self, *, patience: float = 0.0) -> Death:
        self._ray.kill(self._actor, no_restart=True)
        if self._error is None:
            return Death(how=f"killed on {self.where}")
        lines = [line.strip() for line in str(self._error).splitlines() if line.strip()]
        how = f"{type(self._error).__name__} on {self.where}: {' '.join(lines[-1:])[:SHOWN]}"
        memory = isinstance(self._error, self._ray.exceptions.OutOfMemoryError) or "low on memory" in str(self._error)
        return Death(how=how, may_be_memory=memory)

    def mention_wait(self) -> None:
        """Say from time to time that it is nowhere yet."""
        now = time.monotonic()
        if self.node is None and now - self._waiting_since > LONG_WAIT:
            self._waiting_since = now
            log.warning("a %s worker waits for a machine of the cluster with room for it", self.role)

    def _take_in(self, delivery: Delivery) -> Message:
        """Write down files; what cannot be written fails the target when its job is over."""
        if self.job is None:
            raise ValueError("a delivery without a job")
        try:
            if self._refused is None:
                store(delivery, self.job)
                return delivery.result
        except Exception as error:  # noqa: BLE001 - the failure of one target, whatever it is
            self._refused = Failure.of(error)
        return replace(delivery.result, files={}, error="its files could not be written")


def _stream(method: Any, *arguments: object) -> Any:
    return method.options(num_returns="streaming").remote(*arguments)


def _connected(address: str) -> Any:
    """The module of Ray, connected to a cluster.

    Raises:
        MissingResourceError: it is not installed, or there is no cluster at the address.
    """
    os.environ |= _ENVIRONMENT | (_ALONE if address == LOCAL else {})
    try:
        import ray
    except ImportError as error:
        action = "install it with: pip install 'alphafold-lite[cluster]'"
        raise MissingResourceError("Ray for --engine ray", "no such package", action) from error
    own: dict[str, Any] = {"include_dashboard": False} if address == LOCAL else {}
    try:
        if ":" in address:
            _knock(address)
        with _same_handlers():
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL, **own)
    except Exception as error:
        action = "start one (`ray start --head`) and run this on one of its machines, or give --address local"
        found = " ".join(str(error).split())[:SHOWN] or type(error).__name__
        raise MissingResourceError(f"a Ray cluster at {address}", found, action) from error
    return ray


def _knock(address: str) -> None:
    """Raise OSError where nothing listens: Ray itself takes minutes to find that out."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()


@contextmanager
def _same_handlers() -> Generator[None]:
    """Handlers of signals are afterwards what they were before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
