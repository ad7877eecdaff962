"""Journals joined: nothing lost, nothing taken twice, everything that does not fit together refused."""

import csv
import json

import pytest

from alphafold_lite.batch.files import checksums, locked, state_folder
from alphafold_lite.batch.journal import Journal
from alphafold_lite.batch.merge import merge
from alphafold_lite.batch.messages import STAGES, Failure, StageResult
from alphafold_lite.batch.plan import target_key
from alphafold_lite.batch.shards import Shard
from alphafold_lite.batch.status import status
from alphafold_lite.common.errors import InputError, TargetError
from data_pipeline.parsers.fasta import FastaRecord

CHAINS = {"one": "MQIFV", "two": "KTITL", "three": "EVEPS", "four": "DTIEN"}


def add(journal, out, name, state="done"):
    """A target as a batch leaves it."""
    record = FastaRecord(index=list(CHAINS).index(name), header=f"{name} x", name=name, chains=(CHAINS[name],))
    journal.put(record, target_key("x", record.chains), selected=True)
    target = journal.get(name)
    if state == "failed":
        journal.failed(name, Failure.of(TargetError("a fold", "none", "try again")))
    if state != "done":
        return
    (out / name).mkdir(parents=True)
    for file in ("run.json", "features.npz", "ranked_0.pdb"):
        (out / name / file).write_text(json.dumps({"fingerprint": name, "file": file}))
    for stage in STAGES:
        journal.stage_begun(target, stage)
        files = checksums(out / name, stage)
        journal.stage_ended(
            target, StageResult(stage=stage, seconds=1.0, device="cpu", peak_bytes=1, files=files, details={})
        )
    journal.done(name)


def shard(out, text, targets, configuration="x", **notes):
    """A shard that ended; without `text` the journal of the whole."""
    part = None if text is None else Shard.parse(text)
    journal = Journal(state_folder(out, part))
    notes = {"division": "d", "records": "4", "shard": text} | notes if text is not None else notes
    journal.begin_run(configuration, **notes)
    for name, state in targets.items():
        add(journal, out, name, state)
    journal.note_run(seconds=10.0, fold_seconds=9.0, ended="complete")
    journal.close()


def content(folder):
    """All that belongs to targets."""
    paths = (path for name in CHAINS for path in (folder / name).rglob("*.*"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def rows(out):
    with (out / "summary.csv").open() as stream:
        return {row["name"]: row["status"] for row in csv.DictReader(stream)}


def test_shards_in_one_folder(tmp_path):
    shard(tmp_path, "1/2", {"two": "done", "three": "done"})
    together = status(tmp_path)
    assert together.targets["done"] == 2 and together.missing == ("2/2",)
    report = merge([tmp_path], tmp_path)
    assert report.missing == ["2/2"] and report.exit_code == 3
    shard(tmp_path, "2/2", {"one": "done", "four": "failed"})
    together = status(tmp_path)
    assert together.targets == {"done": 3, "failed": 1, "active": 0, "pending": 0} and not together.missing
    assert together.run["seconds"] == 10.0 and together.run["fold_share"] == 0.9 and together.failures[0][0] == "four"
    before = content(tmp_path)
    for _ in range(2):
        report = merge([tmp_path], tmp_path)
        assert report.targets == {"done": 3, "failed": 1} and report.exit_code == 3
        assert not (report.missing or report.repeated or report.damaged or report.unlisted)
        assert list(rows(tmp_path)) == ["one", "two", "three", "four"]  # as in the FASTA file
    assert content(tmp_path) == before
    assert status(tmp_path).targets["done"] == 3 and not status(tmp_path).shards  # the whole was written last
    journal = Journal(state_folder(tmp_path))
    assert set(journal.get("one").stages) == set(STAGES) and journal.configuration == "x"
    journal.close()


def test_folders_of_several_machines_come_together_and_stay_as_they_are(tmp_path):
    first, second, out = tmp_path / "first", tmp_path / "second", tmp_path / "out"
    shard(first, "1/2", {"one": "done", "two": "done"})
    shard(second, "2/2", {"three": "done", "four": "done"})
    before = content(first) | content(second)
    assert merge([first], out).missing == ["2/2"]
    report = merge([second], out)  # one after another, as they arrive
    assert report.exit_code == 0 and report.targets == {"done": 4} and not report.repeated
    assert content(out) == before
    assert content(first) | content(second) == before


def test_damage_is_found_and_the_whole_copy_is_taken(tmp_path, caplog):
    first, second, out = tmp_path / "first", tmp_path / "second", tmp_path / "out"
    shard(first, None, {"one": "done", "two": "done", "three": "pending"})
    shard(second, None, {"one": "done", "three": "done"})
    for path in (first / "one" / "ranked_0.pdb", first / "two" / "ranked_0.pdb"):
        path.write_text("damaged")
    report = merge([first, second], out)
    assert report.repeated == ["one", "three"] and report.damaged == ["two"] and report.exit_code == 3
    assert report.targets == {"done": 2, "pending": 1} and rows(out) == {
        "one": "done",
        "two": "pending",
        "three": "done",
    }
    assert "damaged" not in (out / "one" / "ranked_0.pdb").read_text()
    assert (out / "two" / "features.npz").exists() and not (out / "two" / "ranked_0.pdb").exists()
    journal = Journal(state_folder(out))
    assert set(journal.get("two").stages) == {"search", "features", "fold", "relax"}
    journal.close()


def test_records_that_no_shard_has_listed_are_said(tmp_path):
    shard(tmp_path, "1/1", {"one": "done", "two": "done"})
    report = merge([tmp_path], tmp_path)
    assert report.unlisted == 2 and report.exit_code == 3


@pytest.mark.parametrize(("second", "message"), [
    ({"configuration": "y"}, "same settings"), ({"division": "e"}, "same sequences"), ({"text": "2/3"}, "one division"),
    ({"rename": True}, "two for two"), ({"at_work": True}, "nothing at work"), ({"nothing": True}, "no journal"),
])  # fmt: skip
def test_what_does_not_belong_together_is_refused_before_anything_is_written(tmp_path, monkeypatch, second, message):
    first, other, out = tmp_path / "first", tmp_path / "other", tmp_path / "out"
    if "nothing" in second:
        with pytest.raises(InputError, match=message):
            merge([first], out)
        assert not out.exists()
        return
    shard(first, "1/2", {"one": "done", "two": "done"})
    if "rename" in second:
        monkeypatch.setitem(CHAINS, "two", "AAAAA")
    given = {name: value for name, value in second.items() if name in ("configuration", "division")}
    shard(other, second.get("text", "2/2"), {"two" if "rename" in second else "three": "done"}, **given)
    if "at_work" in second:
        with locked(other, Shard.parse("2/2")), pytest.raises(InputError, match=message):
            merge([first, other], out)
    else:
        with pytest.raises(InputError, match=message):
            merge([first, other], out)
    assert not out.exists()


def test_results_of_others_are_not_replaced(tmp_path):
    first, out = tmp_path / "first", tmp_path / "out"
    shard(first, None, {"one": "done"})
    (out / "one").mkdir(parents=True)
    (out / "one" / "run.json").write_text('{"fingerprint": "of another"}')
    with pytest.raises(InputError, match="results of another configuration"):
        merge([first], out)
    assert json.loads((out / "one" / "run.json").read_text())["fingerprint"] == "of another"


@pytest.mark.parametrize(("table", "change"), [
    ("targets", "UPDATE targets SET name = '../evil'; UPDATE stages SET name = '../evil'"),
    ("stages", "UPDATE stages SET files = '{\"../../evil\": \"0\"}' WHERE stage = 'write'"),
])  # fmt: skip
def test_names_in_a_journal_do_not_lead_out_of_the_folder(tmp_path, table, change):
    first, out = tmp_path / "first", tmp_path / "out"
    shard(first, None, {"one": "done"})
    journal = Journal(state_folder(first))
    journal._db.executescript(change)
    journal.close()
    with pytest.raises(InputError, match="inside the folder"):
        merge([first], out)
    assert not (tmp_path / "evil").exists()
