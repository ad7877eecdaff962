"""A worker as an actor of a Ray cluster: the part that runs on the cluster's machines. It knows nothing of the output folder."""

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Event

from alphafold_lite import __version__
from alphafold_lite.batch.engine import Setup
from alphafold_lite.batch.messages import Failure, Fatal, Job, Message, StageResult
from alphafold_lite.batch.parcels import Delivery, Parcel, collect, unpack
from alphafold_lite.batch.stages import Send, Worker
from alphafold_lite.batch.worker import begin, work
from alphafold_lite.common.errors import MissingResourceError


@dataclass(frozen=True, kw_only=True, slots=True)
class Home:
    """What the keeper of the journal runs, and where: version of the package, folder, environment variables to hand on."""

    version: str
    folder: str
    environment: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Landed:
    """Ray has found a place for the worker."""

    node: str


class RayWorkerBody:
    """Its methods are streams of messages; `live` has no end.

    Args:
        setup: what the worker is made from.
        home: file names that are not absolute begin in its folder, if this machine has that.
    """

    def __init__(self, setup: Setup, home: Home) -> None:
        self._setup, self._version, self._node = setup, home.version, _node()
        self._worker: Worker | None = None
        self._said: SimpleQueue[Message | None] = SimpleQueue()
        self._thread = ThreadPoolExecutor(1)  # one for all jobs: PyTorch keeps settings by thread
        os.environ.update(home.environment)
        if Path(home.folder).is_dir():
            os.chdir(home.folder)

    def live(self) -> Iterator[Message | Landed]:
        """Where it is, what there is to say until it is ready, and nothing more as long as it lives."""
        yield Landed(node=self._node)
        yield from self._told(self._begin)
        Event().wait()

    def work(self, parcel: Parcel) -> Iterator[Message | Delivery]:
        """All that is said during a job, files included."""
        with tempfile.TemporaryDirectory(prefix="alphafold-lite-") as folder:
            job = unpack(parcel, Path(folder))
            for message in self._told(lambda send: self._do(job, send)):
                yield collect(job, message) if isinstance(message, StageResult) else message

    def _begin(self, send: Send) -> None:
        if self._version != __version__:
            expected = f"alphafold-lite {self._version} on all machines of the cluster"
            failure = Failure.of(MissingResourceError(expected, f"{__version__} on {self._node}", "install the same"))
            send(Fatal(failure=failure))
            return
        self._worker = begin(self._setup, send, node=self._node)

    def _do(self, job: Job, send: Send) -> None:
        """In the thread that sets the worker up, and so after that."""
        if self._worker is None:
            raise RuntimeError("a job for a worker that could not be set up")
        work(self._worker, job, send)

    def _told(self, action: Callable[[Send], None]) -> Iterator[Message]:
        """What an action says while it runs."""
        said = self._said = SimpleQueue()
        ended = self._thread.submit(action, self._say)
        ended.add_done_callback(lambda _: said.put(None))
        while (
            message := said.get()
        ) is not None:  # no `yield from`: Ray sends into generators, which queues do not know
            yield message
        ended.result()

    def _say(self, message: Message) -> None:
        """To whoever listens now: the log is told through the function of the first call in all later ones."""
        self._said.put(message)


def _node() -> str:
    import ray

    return f"{ray.util.get_node_ip_address()} ({ray.get_runtime_context().get_node_id()[:8]})"
