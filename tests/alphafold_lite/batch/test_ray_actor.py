"""A worker of a Ray cluster on both sides, without Ray: what it says, what comes back, how it ends."""

import logging
import signal
import sys
import time
from itertools import islice
from types import SimpleNamespace

import pytest
import torch

from alphafold_lite import __version__
from alphafold_lite.batch import ray_actor, ray_engine
from alphafold_lite.batch.engine import Death, Setup
from alphafold_lite.batch.messages import Begun, Fatal, Job, JobEnded, LogLine, Ready, StageResult
from alphafold_lite.batch.parcels import Delivery, pack, store
from alphafold_lite.batch.placement import Slot
from alphafold_lite.batch.ray_actor import Home, Landed, RayWorkerBody
from alphafold_lite.batch.ray_engine import RayEngine
from alphafold_lite.batch.ray_requests import FoldRequest
from alphafold_lite.batch.worker import LOGGERS
from alphafold_lite.common.errors import InputError, MissingResourceError
from alphafold_lite.predict.predictor import Predictor
from alphafold_lite.predict.targets import Request, predict_targets
from data_pipeline.parsers.fasta import parse_fasta
from tests.support.batches import ALONE, UNTRAINED, Batches

TEXT = ">one\nMQIFVKTLTG\n"
HERE = Home(version=__version__, folder="/no/such/folder", environment={})


@pytest.fixture(autouse=True)
def _process_of_its_own(monkeypatch):
    """What a worker changes in its process is undone."""
    monkeypatch.setattr(ray_actor, "_node", lambda: "10.0.0.2 (abc)")
    logs = [logging.getLogger(name) for name in LOGGERS]
    before, threads = [(log.handlers, log.propagate, log.level) for log in logs], torch.get_num_threads()
    torch.set_num_threads(1)  # PyTorch keeps it by thread, and the workers have threads of their own
    yield
    torch.set_num_threads(threads)
    for log, (handlers, propagate, level) in zip(logs, before, strict=True):
        log.handlers, log.propagate = handlers, propagate
        log.setLevel(level)


def body(settings, role, **found):
    """A worker that is set up, and the last thing it said of that."""
    worker = RayWorkerBody(Setup(role=role, settings=settings, slot=Slot(threads=1), **found), HERE)
    landed, *_, last = islice(worker.live(), 2)
    assert landed == Landed(node="10.0.0.2 (abc)")
    return worker, last


def test_a_target_through_two_machines_is_what_predict_writes(tmp_path):
    batches = Batches(tmp_path)
    settings, record = batches.settings(TEXT), parse_fasta(TEXT).records[0]
    folding, ready = body(settings, "fold")
    assert ready.place.name == "10.0.0.2 (abc) cpu" and ready.place.free > 0
    searching, _ = body(settings, "search", identity=ready.identity, search=ready.search)
    job = Job(record=record, folder=batches.out / "one", scratch=tmp_path / "one.npz")
    said = []
    for worker, role in ((searching, "search"), (folding, "fold")):
        for message in worker.work(pack(job, role)):
            if isinstance(message, Delivery):
                store(message, job)
                message = message.result
            said.append(message)
    assert [message.stage for message in said if isinstance(message, Begun)] == ["search", "features", "fold", "write"]
    assert all(message.failure is None for message in said if isinstance(message, JobEnded))
    predictor = Predictor("random:0", settings=UNTRAINED, search=ALONE)
    list(predict_targets(parse_fasta(TEXT), predictor, Request(out_dir=tmp_path / "predict")))
    for path in (tmp_path / "predict" / "one").rglob("*.*"):
        if path.name not in ("timings.json", "run.json"):
            name = path.relative_to(tmp_path / "predict" / "one")
            assert (job.folder / name).read_bytes() == path.read_bytes(), name


def test_a_job_may_come_as_soon_as_the_worker_says_that_it_is_ready(tmp_path, monkeypatch):
    class Idle:
        def do(self, job, send):
            return JobEnded(rung=7)

    def begin_slowly(setup, send, *, node):
        send(Ready())
        time.sleep(0.2)
        return Idle()

    monkeypatch.setattr(ray_actor, "begin", begin_slowly)
    worker, ready = body(Batches(tmp_path).settings(TEXT), "search")
    assert ready == Ready()
    assert list(worker.work(pack(an_empty_job(tmp_path), "search"))) == [JobEnded(rung=7)]


def test_what_cannot_be_set_up_is_told(tmp_path):
    settings = Batches(tmp_path).settings(TEXT)
    setup = Setup(role="search", settings=settings, slot=Slot())
    _, message = islice(RayWorkerBody(setup, HERE).live(), 2)
    assert isinstance(message, Fatal) and "without an identity" in message.failure.message
    other = Home(version="0.0.0", folder=".", environment={})
    _, message = islice(RayWorkerBody(setup, other).live(), 2)
    error = message.failure.to_error()
    assert isinstance(error, MissingResourceError) and "0.0.0" in str(error) and "10.0.0.2" in str(error)


class FakeRay:
    """Streams that are ready at once, and a record of what was asked for."""

    exceptions = SimpleNamespace(OutOfMemoryError=MemoryError)

    def __init__(self):
        self.asked, self.killed, self.life, self.work = [], 0, iter(()), iter(())

    def remote(self, kind):
        assert kind is RayWorkerBody
        return SimpleNamespace(options=self._options)

    def _options(self, **asked):
        self.asked.append(asked)
        return SimpleNamespace(remote=lambda setup, home: self._actor())

    def _actor(self):
        def method(name):
            return SimpleNamespace(
                options=lambda num_returns: SimpleNamespace(remote=lambda *_: iter(getattr(self, name)))
            )

        return SimpleNamespace(live=method("life"), work=method("work"))

    def get(self, message):
        if isinstance(message, Exception):
            raise message
        return message

    def wait(self, streams, *, num_returns, timeout, fetch_local):
        return streams[:num_returns], streams[num_returns:]

    def kill(self, actor, *, no_restart):
        assert no_restart
        self.killed += 1


@pytest.fixture
def ray():
    return FakeRay()


@pytest.fixture
def engine(ray):
    engine = RayEngine.__new__(RayEngine)
    engine._ray, engine._request = ray, FoldRequest(number=2, cpus=3, gpus=0)
    return engine


def heard(engine, worker, number):
    """The next messages of a worker."""
    found = []
    for _ in range(number):
        assert engine.speaking([worker], timeout=0.0) == [worker]
        found.append(worker.receive())
    return found


def setup_for(tmp_path, role="fold"):
    return Setup(role=role, settings=Batches(tmp_path).settings(TEXT), slot=Slot())


def test_what_is_asked_of_ray(engine, ray, tmp_path):
    engine.add(setup_for(tmp_path))
    engine.add(setup_for(tmp_path, "search"))
    folding, searching = ray.asked
    assert (folding["num_cpus"], folding["num_gpus"], folding["memory"]) == (3, 0, 2 * 2**30)
    assert searching["num_cpus"] == 0 and "memory" not in searching  # never kept waiting by what folds
    assert all(asked["max_restarts"] == asked["max_task_retries"] == 0 for asked in ray.asked)
    assert engine.fold_slots() == (Slot(threads=3),) * 2


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (RuntimeError("The actor died.\n  its node has died"), False),
        (RuntimeError("the node was running low on memory"), True),
        (MemoryError("killed"), True),
    ],
)
def test_an_actor_that_is_lost(engine, ray, tmp_path, error, memory):
    ray.life = [Landed(node="10.0.0.3 (d)"), Ready(), error]
    worker = engine.add(setup_for(tmp_path))
    line, ready, lost = heard(engine, worker, 3)
    assert isinstance(line, LogLine) and isinstance(ready, Ready) and lost is None
    assert worker.where == "10.0.0.3 (d)"
    death = worker.kill()
    assert death.may_be_memory is memory and ray.killed == 1
    assert "on 10.0.0.3 (d): " in str(death) and str(death).endswith(str(error).splitlines()[-1].strip())


def test_a_job_whose_stream_breaks_off_is_a_death(engine, ray, tmp_path):
    worker, job = engine.add(setup_for(tmp_path, "search")), an_empty_job(tmp_path)
    ray.work = [Begun(stage="search")]
    worker.give(job)
    assert heard(engine, worker, 2) == [Begun(stage="search"), None]
    assert isinstance(worker.kill(), Death)


def an_empty_job(tmp_path):
    record = parse_fasta(TEXT).records[0]
    return Job(record=record, folder=tmp_path / "out" / "one", scratch=tmp_path / "one.npz")


def test_files_that_are_not_there_fail_the_target_and_not_the_worker(engine, ray, tmp_path):
    worker = engine.add(setup_for(tmp_path))
    worker.give(an_empty_job(tmp_path))
    (ended,) = heard(engine, worker, 1)
    assert "stages before" in ended.failure.message and ended.failure.kind == "TargetError"


def test_a_delivery_that_cannot_be_written_fails_the_target_when_the_job_ends(engine, ray, tmp_path, monkeypatch):
    def full(delivery, job):
        raise InputError("an output folder that can be written", "no space", "free some") from OSError(28, "full")

    result = StageResult(stage="search", seconds=1.0, device="cpu", peak_bytes=1, files={"a": "b"}, details={})
    ray.work = [Delivery(result=result), JobEnded()]
    worker = engine.add(setup_for(tmp_path, "search"))
    worker.give(an_empty_job(tmp_path))
    monkeypatch.setattr(ray_engine, "store", full)
    stored, ended = heard(engine, worker, 2)
    assert stored.error is not None and stored.files == {}
    assert ended.failure.no_space and "no space" in ended.failure.message
    monkeypatch.undo()
    ray.work = [JobEnded()]
    worker.give(an_empty_job(tmp_path))
    assert heard(engine, worker, 1) == [JobEnded()]  # the next target is another matter


def test_a_worker_without_a_place_is_mentioned(engine, tmp_path, monkeypatch, caplog):
    worker = engine.add(setup_for(tmp_path))
    worker.mention_wait()
    assert caplog.text == ""
    monkeypatch.setattr(ray_engine, "LONG_WAIT", -1.0)
    worker.mention_wait()
    assert "room for it" in caplog.text


def test_without_ray_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingResourceError, match=r"pip install 'alphafold-lite\[cluster\]'"):
        Batches(tmp_path).run(TEXT, engine="ray")


def test_an_address_where_nobody_is(tmp_path):
    pytest.importorskip("ray", reason="extra [cluster] is not installed")
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(MissingResourceError, match="127.0.0.1:9"):
        Batches(tmp_path).run(TEXT, engine="ray", address="127.0.0.1:9")
    assert signal.getsignal(signal.SIGTERM) is before
