import pytest

from alphafold_lite.batch import entry as entries
from alphafold_lite.batch.entry import Entry
from alphafold_lite.batch.messages import Begun, Failure, JobEnded, StageResult

FAILED = JobEnded(failure=Failure(kind="TargetError", message="collapsed", exit_code=2))


def _ended(stage, seconds):
    return StageResult(stage=stage, seconds=seconds, device="cpu", peak_bytes=1, files={}, details={})


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(entries.time, "monotonic", lambda: now[0])
    return now


def test_a_fold_call_counts_whether_or_not_it_succeeds(clock):
    entry = Entry(target=None)
    assert entry.fold_seconds(Begun(stage="fold")) == 0
    clock[0] += 5
    assert entry.fold_seconds(_ended("fold", 4.5)) == 4.5  # as the worker says
    assert entry.fold_seconds(Begun(stage="write")) == 0
    clock[0] += 1
    assert entry.fold_seconds(FAILED) == 0  # what failed was not the fold
    assert entry.fold_seconds(Begun(stage="fold")) == 0
    clock[0] += 3
    assert entry.fold_seconds(FAILED) == 3
    assert entry.fold_seconds(JobEnded()) == 0


def test_other_stages_are_no_fold_calls(clock):
    entry = Entry(target=None)
    assert entry.fold_seconds(Begun(stage="search")) == 0
    clock[0] += 2
    assert entry.fold_seconds(_ended("search", 2.0)) == 0 and entry.fold_seconds(FAILED) == 0
