"""Batches of small targets with an untrained network, in worker processes as they are."""

import csv
import os
import signal
import threading
import time
from dataclasses import replace

import pytest

from alphafold_lite.batch import run as run_module
from alphafold_lite.batch.files import locked, state_folder
from alphafold_lite.batch.pools import Pools
from alphafold_lite.common.errors import InputError
from alphafold_lite.predict.predictor import Predictor
from alphafold_lite.predict.targets import Request, predict_targets
from data_pipeline.parsers.fasta import parse_fasta
from tests.support.batches import ALONE, UNTRAINED, Batches

MIXED = ">one a\nMQIFVKTLTG\n>two\nKTITLEVEPSDTIE\n>bad\nM1K\n>copy of one\nmqifvktltg\n"


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A batch that ended, with one bad record and one sequence twice."""
    batches = Batches(tmp_path_factory.mktemp("batch"))
    code, told = batches.run(MIXED)
    return batches, code, told


def test_states_exit_code_and_order(done):
    _, code, told = done
    assert code == 3
    assert told.states == {"one": "done", "two": "done", "copy": "done", "bad": "failed"}
    assert [end.name for end in told.ends] == ["bad", "two", "one", "copy"]  # longest first
    assert "position 2" in told.ends[0].error and told.ends[3].copied_from == "one"
    assert told.standings[-1].done == 3 and told.standings[-1].failed == 1


def test_summary_names_every_target_once_with_its_reason(done):
    batches, _, _ = done
    with (batches.out / "summary.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["name"] for row in rows] == ["one", "two", "bad", "copy"]
    assert [row["status"] for row in rows] == ["done", "done", "failed", "done"]
    assert rows[0]["length"] == "10" and rows[0]["msa_depth"] == "1" and rows[3]["same_as"] == "one"
    assert rows[3]["mean_plddt"] == rows[0]["mean_plddt"] != "" and "'1'" in rows[2]["reason"]
    assert int(rows[0]["peak_bytes"]) > 2**20 and rows[0]["device"] == "cpu"
    assert batches.summary["counts"] == {"done": 3, "failed": 1, "active": 0, "pending": 0}
    assert 0 < batches.summary["run"]["fold_share"] <= 1


def test_results_are_those_of_predict_for_each_name(done, tmp_path):
    batches, _, _ = done
    predictor = Predictor("random:0", settings=UNTRAINED, search=ALONE)
    reports = list(predict_targets(parse_fasta(MIXED), predictor, Request(out_dir=tmp_path)))
    assert [report.error is None for report in reports] == [True, True, False, True]
    for name in ("one", "two", "copy"):
        ours, theirs = batches.out / name, tmp_path / name
        names = {path.relative_to(theirs) for path in theirs.rglob("*.*")}
        assert {path.relative_to(ours) for path in ours.rglob("*.*")} == names
        for path in names:
            if path.name not in ("timings.json", "run.json"):
                assert (ours / path).read_bytes() == (theirs / path).read_bytes(), path
        again = list(predict_targets(parse_fasta(MIXED), predictor, Request(out_dir=batches.out)))
        assert [report.error is None for report in again] == [True, True, False, True]  # the same fingerprints


def test_a_rerun_does_only_what_is_missing_or_damaged(batches):
    text = ">one\nMQIFVKTLTG\n>two\nKTITLEVEPSDTIE\n>three\nEVEPSDTIEN\n"
    assert batches.run(text)[0] == 0
    pdb, features = batches.out / "two" / "ranked_0.pdb", batches.out / "three" / "features.npz"
    before = pdb.read_bytes()
    pdb.write_bytes(before[:-30])
    features.unlink()
    left = [
        batches.out / ".tmp-1-summary.csv",
        batches.out / "two" / ".tmp-1-ab",
        batches.out / ".batch/scratch/.tmp-1-c",
    ]
    for path in left:  # a process was killed while it wrote
        path.write_text("half")
    code, told = batches.run(text)
    assert code == 0 and set(told.states) == {"two", "three"}
    assert pdb.read_bytes() == before and features.is_file()
    assert batches.attempts == {"one": 1, "two": 2, "three": 2}
    assert not any(path.exists() for path in left)
    assert batches.run(text)[1].ends == []


def test_more_records_later_and_only_some_of_them(batches):
    text = ">one\nMQIFVKTLTG\n>two\nKTITLEVEPS\n>three\nEVEPSDTIEN\n"
    code, told = batches.run(text, only=("two",))
    assert code == 0 and set(told.states) == {"two"} and not (batches.out / "one").exists()
    assert batches.summary["counts"]["done"] == 1 and len(batches.summary["targets"]) == 3
    with pytest.raises(InputError, match="did you mean two"):
        batches.run(text, only=("twoo",))
    code, told = batches.run(text + ">four\nKTITLEVEPS\n")
    assert code == 0 and set(told.states) == {"one", "three", "four"}
    assert told.ends[0].copied_from == "two"


def test_other_settings_are_refused_unless_they_overwrite(batches):
    text = ">one\nMQIFVKTLTG\n"
    batches.run(text)
    other = replace(UNTRAINED, seed=7)
    with pytest.raises(InputError, match="--overwrite"):
        batches.run(text, prediction=other)
    before = (batches.out / "one" / "ranked_0.pdb").read_bytes()
    assert batches.run(text, prediction=other, overwrite=True)[0] == 0
    assert (batches.out / "one" / "ranked_0.pdb").read_bytes() != before


def test_a_folder_in_the_way_fails_one_target_until_it_is_tried_again(batches):
    text = ">one\nMQIFVKTLTG\n>two\nKTITLEVEPS\n"
    batches.out.mkdir()
    (batches.out / "one").write_text("in the way")
    code, told = batches.run(text)
    assert code == 3 and told.states == {"one": "failed", "two": "done"}
    (batches.out / "one").unlink()
    assert batches.run(text)[0] == 3  # failed ones stay failed
    code, told = batches.run(text, retry_failed=True)
    assert code == 0 and told.states == {"one": "done"}
    assert batches.summary["targets"][0]["reason"] is None


def test_a_second_batch_in_the_same_folder_is_refused(batches):
    state_folder(batches.out)
    with locked(batches.out), pytest.raises(InputError, match="no other batch"):
        batches.run(">one\nMQIFVKTLTG\n")


@pytest.mark.parametrize("place", ["file/out", "file"])
def test_a_folder_that_cannot_be_written(batches, tmp_path, place):
    (tmp_path / "file").write_text("")
    batches.out = tmp_path / place
    with pytest.raises(InputError, match="can be written"):
        batches.run(">one\nMQIFVKTLTG\n")


def test_a_damaged_journal_is_put_aside_and_nothing_is_lost(batches, caplog):
    text = ">one\nMQIFVKTLTG\n>two\nKTITLEVEPS\n"
    batches.run(text)
    journal = batches.out / ".batch" / "journal.sqlite"
    for damage in (b"not a journal at all" * 100, journal.read_bytes()[:5000] + b"\xff" * 3000):
        before = (batches.out / "one" / "ranked_0.pdb").read_bytes()
        journal.write_bytes(damage)
        code, told = batches.run(text)
        assert code == 0 and told.states == {"one": "done", "two": "done"}
        assert (batches.out / "one" / "ranked_0.pdb").read_bytes() == before
    assert len(list(journal.parent.glob("*.damaged-*"))) == 2
    assert "damaged" in caplog.text


def test_one_signal_finishes_what_is_in_hand_and_a_rerun_the_rest(batches, monkeypatch):
    text = "".join(f">t{number}\n{'MQIFVKTLTG' * (4 + number % 3)}{'K' * number}\n" for number in range(8))
    give = Pools.give

    def give_and_interrupt(self, worker, entry, job):
        give(self, worker, entry, job)
        if worker.role == "fold" and entry.target.name != "t2":
            monkeypatch.setattr(Pools, "give", give)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Pools, "give", give_and_interrupt)
    code, told = batches.run(text)
    assert code == 130 and 1 <= len(told.ends) < 8
    finished = set(told.states)
    assert all((batches.out / name / "timings.json").is_file() for name in finished)
    counts = batches.summary["counts"]
    assert counts["active"] == 0 and counts["pending"] == 8 - len(finished)
    code, told = batches.run(text)
    assert code == 0 and set(told.states) == {f"t{number}" for number in range(8)} - finished
    assert set(batches.attempts.values()) == {1}


def test_two_signals_stop_at_once(batches, monkeypatch):
    give = Pools.give

    def give_and_interrupt(self, worker, entry, job):
        if worker.role == "fold":
            os.kill(worker.pid, signal.SIGSTOP)  # it would never end what it has in hand
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
        give(self, worker, entry, job)

    monkeypatch.setattr(Pools, "give", give_and_interrupt)
    text = ">one\nMQIFVKTLTG\n>two\nKTITL\n"
    code, told = batches.run(text)
    assert code == 130 and told.ends == []
    assert batches.summary["counts"]["pending"] == 2 and batches.summary["run"]["ended"] == "interrupted"
    monkeypatch.undo()
    assert batches.run(text)[0] == 0


def test_a_worker_that_dies_or_hangs_costs_its_target_alone(batches, monkeypatch, caplog):
    text = ">killed\nMQIFVKTLTG\n>stopped\nKTITLEVEPSDTIE\n>fine\nEVEPSDTI\n>once\nMQIFVKT\n"
    give, killed = Pools.give, []

    def give_and_harm(self, worker, entry, job):
        name = entry.target.name
        if worker.role == "fold" and (name == "killed" or (name == "once" and name not in killed)):
            killed.append(name)
            os.kill(worker.pid, signal.SIGKILL)
        if worker.role == "fold" and name == "stopped":
            os.kill(worker.pid, signal.SIGSTOP)
        give(self, worker, entry, job)

    monkeypatch.setattr(Pools, "give", give_and_harm)
    code, told = batches.run(text, time_limit=3.0)
    assert code == 3 and told.states == {"killed": "failed", "stopped": "failed", "fine": "done", "once": "done"}
    reasons = {row["name"]: row["reason"] for row in batches.summary["targets"]}
    assert "SIGKILL" in reasons["killed"] and "--time-limit" in reasons["stopped"]
    assert killed.count("killed") == 2
    assert {row["name"]: row["rung"] for row in batches.summary["targets"]}["once"] == "bf16"  # it may have been memory


def test_a_full_disk_ends_the_batch_and_no_target(batches, monkeypatch):
    def full(*arguments, **keywords):
        raise InputError("an output folder that can be written", "no space", "free some") from OSError(28, "full")

    monkeypatch.setattr(run_module, "copy_results", full)
    text = ">one\nMQIFVKTLTG\n>copy\nMQIFVKTLTG\n"
    with pytest.raises(InputError, match="no space"):
        batches.run(text)
    monkeypatch.undo()
    code, told = batches.run(text)
    assert code == 0 and told.states == {"copy": "done"}


def test_no_process_is_left_behind(batches):
    batches.run(">one\nMQIFVKTLTG\n")
    deadline = time.monotonic() + 5
    with locked(batches.out):  # which waits for workers
        assert time.monotonic() < deadline
    assert threading.active_count() < 10
