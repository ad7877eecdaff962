"""Short targets that a folding worker gets together: results, books, and what goes wrong."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alphafold_lite.batch import stages
from alphafold_lite.batch.grouping import Grouping
from alphafold_lite.batch.messages import Begun, Job, JobEnded, OfMember, StageResult
from alphafold_lite.batch.pools import Pools
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.batch.stages import FoldWorker, SearchWorker
from alphafold_lite.common.errors import TargetError
from data_pipeline.parsers.fasta import sequence_record
from tests.support.batches import ALONE, UNTRAINED, Batches

SEQUENCES = {"a": "MQIFVKTLTGKT", "b": "KTITLEVEPSDT", "c": "EVEPSDTIENV", "d": "PSDTIENVKAK"}
FASTA = "".join(f">{name}\n{sequence}\n" for name, sequence in SEQUENCES.items())
TOLERANCE = 2e-3  # Å, of coordinates that are written with three decimals


def atoms(path):
    lines = path.read_text().splitlines()
    return np.array([[line[30:38], line[38:46], line[46:54]] for line in lines if line.startswith("ATOM")], float)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The same targets, each by itself."""
    batches = Batches(tmp_path_factory.mktemp("alone"))
    assert batches.run(FASTA, group_residues=0)[0] == 0
    return batches


@pytest.fixture(scope="module")
def folding(tmp_path_factory):
    settings = BatchSettings(
        fasta="-", out_dir=tmp_path_factory.mktemp("out"), params="random:0", prediction=UNTRAINED, search=ALONE, group_residues=20
    )  # fmt: skip
    return FoldWorker(settings)


@pytest.fixture
def job(folding, tmp_path):
    """Four targets that have been searched, as one job."""
    ready = folding.ready()
    searching = SearchWorker(ready.search, ready.identity)
    jobs = []
    for name, sequence in SEQUENCES.items():
        record = sequence_record(sequence, name=name)
        jobs.append(Job(record=record, folder=tmp_path / name, scratch=tmp_path / f"{name}.npz"))
        assert searching.do(jobs[-1], lambda message: None).failure is None
    return replace(jobs[0], others=tuple(jobs[1:]))


def of_kind(told, kind):
    """Messages of one kind, by the number of the target."""
    found = {}
    for message in told:
        assert isinstance(message, OfMember)
        if isinstance(message.message, kind):
            found.setdefault(message.member, []).append(message.message)
    return found


def test_a_job_of_several_tells_of_each(folding, job, alone, tmp_path):
    told = []
    assert folding.do(job, told.append) == JobEnded()
    assert [message.message.stage for message in told[:4]] == ["fold"] * 4  # all begin before the first ends
    assert all(len(begun) == 2 for begun in of_kind(told, Begun).values())
    assert {number: ends[0].failure for number, ends in of_kind(told, JobEnded).items()} == dict.fromkeys(range(4))
    for number, results in of_kind(told, StageResult).items():
        fold, write = results
        name = "abcd"[number]
        assert (fold.stage, write.stage, fold.details["together"]) == ("fold", "write", 4) and fold.seconds > 0
        assert fold.details["seconds"]["predict untrained_tiny_pred_0"] > 0 and "ranked_0.pdb" in write.files
        ours, theirs = atoms(tmp_path / name / "ranked_0.pdb"), atoms(alone.out / name / "ranked_0.pdb")
        assert ours.shape == theirs.shape and np.abs(ours - theirs).max() < TOLERANCE
        assert {path.name for path in (tmp_path / name).iterdir()} == {
            path.name for path in (alone.out / name).iterdir()
        }


def test_a_structure_that_must_not_be_written_costs_its_target_alone(folding, job, monkeypatch):
    def check(result):
        if len(result.plddt) == len(SEQUENCES["c"]) and result.unrelaxed.aatype[0] == 6:  # E
            raise TargetError("a structure", "none", "look")

    monkeypatch.setattr(stages, "check_structure", check)
    told = []
    folding.do(job, told.append)
    failures = {number: ends[0].failure for number, ends in of_kind(told, JobEnded).items()}
    assert failures[2].kind == "TargetError" and [failures[number] for number in (0, 1, 3)] == [None] * 3
    assert of_kind(told, StageResult).keys() == {0, 1, 3}


def test_a_group_that_fails_is_folded_one_by_one(folding, job, monkeypatch, caplog):
    def no_memory(predictor, features):
        raise MemoryError("no more")

    monkeypatch.setattr(stages, "fold_together", no_memory)
    (job.others[1].folder / "features.npz").write_bytes(b"damaged")
    told = []
    folding.do(job, told.append)
    failures = [of_kind(told, JobEnded)[number][0].failure for number in range(4)]
    assert [failure is None for failure in failures] == [True, True, False, True]
    assert all(
        "together" not in result.details for results in of_kind(told, StageResult).values() for result in results
    )
    assert "a, b, c, d: folded one by one" in caplog.text


def test_what_a_folding_worker_takes_together(folding):
    assert folding.ready().grouping == Grouping(max_residues=20, max_rows=512 + 1024)
    settings = BatchSettings(fasta="-", out_dir=Path("out"))
    assert stages._grouping(settings, folding._predictor) is None  # it has triangle attention, and was not faster
    on_a_cluster = replace(settings, engine="ray")
    assert stages._grouping(on_a_cluster, folding._predictor) is None


def wait_for_all(monkeypatch):
    """Hand nothing to the folding worker before all targets wait for it."""
    idle, begun = Pools.idle, []

    def idle_when_all_wait(self, role):
        if role == "fold" and not begun and len(self.queues["fold"]) < len(SEQUENCES):
            return []
        begun.extend([role] if role == "fold" and self.queues["fold"] else [])
        return idle(self, role)

    monkeypatch.setattr(Pools, "idle", idle_when_all_wait)


def details(batches):
    rows = batches.rows("SELECT name, details FROM stages WHERE stage = 'fold'")
    return {name: stages.json.loads(text) for name, text in rows}


def test_waiting_targets_of_like_length_are_folded_together(batches, alone, monkeypatch):
    wait_for_all(monkeypatch)
    code, told = batches.run(FASTA, group_residues=20)
    assert code == 0 and told.states == dict.fromkeys("abcd", "done")
    assert [found["together"] for found in details(batches).values()] == [4] * 4
    assert batches.attempts == dict.fromkeys("abcd", 1)
    assert max(standing.at_work["fold"] for standing in told.standings) <= 4
    assert told.standings[-1].done == 4 and 0 < batches.summary["run"]["fold_share"] <= 1
    for name in SEQUENCES:
        ours, theirs = (atoms(out / name / "ranked_0.pdb") for out in (batches.out, alone.out))
        assert np.abs(ours - theirs).max() < TOLERANCE
    assert batches.run(FASTA)[1].ends == []  # checksums hold


@pytest.mark.parametrize("harm", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_dies_or_hangs_over_a_group_costs_no_target(batches, monkeypatch, harm):
    give, harmed = Pools.give, []

    def give_and_harm(self, worker, entry, job):
        if job.others:
            harmed.append(len(job.others))
            os.kill(worker.pid, harm)
        give(self, worker, entry, job)

    monkeypatch.setattr(Pools, "give", give_and_harm)
    wait_for_all(monkeypatch)
    code, told = batches.run(FASTA, group_residues=20, time_limit=4.0)
    assert code == 0 and told.states == dict.fromkeys("abcd", "done")
    assert harmed == [3]  # and then never together again
    for found in details(batches).values():
        assert "together" not in found and found["rung"] == "as asked" and "deaths" not in found
