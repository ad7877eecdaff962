"""What may go wrong around a batch: a damaged journal, a damaged cache, a full disk, a clock that jumps, a worker that hangs."""

import errno
import os
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from alphafold_lite.batch import journal as journal_module
from alphafold_lite.batch.journal import Journal
from alphafold_lite.batch.messages import Job
from alphafold_lite.batch.pools import Pools
from alphafold_lite.batch.run import run_batch
from alphafold_lite.batch.schema import JOURNAL
from alphafold_lite.batch.stages import FoldWorker, SearchWorker
from alphafold_lite.batch.status import status
from alphafold_lite.batch.worker import work
from alphafold_lite.common.errors import InputError
from data_pipeline.config import SearchConfig
from data_pipeline.parsers.fasta import sequence_record
from tests.support.batches import UNTRAINED, Batches, Recorder
from tests.support.small_library import relative, write_small_library

TEXT = ">one\nMQIFVKTLTG\n>two\nKTITLEVEPS\n>copy\nMQIFVKTLTG\n"
HOUR = 3600.0


def journal_of(batches):
    return batches.out / ".batch" / JOURNAL


def stamps(batches):
    """When each structure was written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in batches.out.glob("*/ranked_0.pdb")}


def structures(batches):
    return {path.parent.name: path.read_bytes() for path in batches.out.glob("*/ranked_0.pdb")}


def test_a_journal_with_one_wrong_row_costs_that_target_alone(batches, caplog):
    batches.run(TEXT)
    before, path = stamps(batches), journal_of(batches)
    with closing(sqlite3.connect(path)) as journal, journal:
        journal.execute("UPDATE targets SET state = 'dome' WHERE name = 'two'")
    assert batches.rows("PRAGMA quick_check") == [("ok",)]  # it sees nothing
    (batches.out / "copy" / "ranked_0.pdb").write_text("half")  # what the old journal says is verified
    code, told = batches.run(TEXT)
    assert code == 0 and told.states == {"two": "done", "copy": "done"}
    after = stamps(batches)
    assert after["one"] == before["one"] and after["two"] > before["two"]
    assert "tells of 2 targets" in caplog.text and (path.parent / f"{JOURNAL}.damaged-1").is_file()
    assert batches.summary["counts"]["done"] == 3 and batches.run(TEXT)[1].ends == []


def test_half_a_journal_loses_no_results(batches):
    batches.run(TEXT)
    before, path = structures(batches), journal_of(batches)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="it repairs its journal"):
        status(batches.out)
    code, _ = batches.run(TEXT)
    assert code == 0 and structures(batches) == before
    assert path.with_name(f"{JOURNAL}.damaged-1").read_bytes() == content[: len(content) // 2]
    assert status(batches.out).targets["done"] == 3


def test_a_journal_without_its_write_ahead_log_is_only_older(batches):
    class Killed(Recorder):
        """Keeps the journal as it is when the first target has ended, without the log beside it."""

        def ended(self, end):
            super().ended(end)
            if len(self.ends) == 1:
                shutil.copy(journal_of(batches), batches.out / "older")

    told = Killed()
    assert run_batch(batches.settings(TEXT), told) == 0
    before = structures(batches)
    (batches.out / "older").replace(journal_of(batches))
    code, told = batches.run(TEXT)
    assert code == 0 and len(told.ends) == 3 and structures(batches) == before
    assert not list(journal_of(batches).parent.glob("*.damaged*"))


def test_what_a_process_killed_while_it_copied_had_begun_to_write_is_removed(batches):
    batches.run(TEXT, only=("one",))
    left = [batches.out / "copy" / name for name in (".tmp-1-ab", ".features.npz.1.tmp", "msas/.tmp-1-ab")]
    left[-1].parent.mkdir(parents=True)
    for path in left:
        path.write_text("half")
    _, told = batches.run(TEXT)
    assert {end.name: end.copied_from for end in told.ends} == {"two": None, "copy": "one"}
    assert not any(path.exists() for path in left)


@pytest.mark.parametrize("sql", ["CREATE TABLE songs (name TEXT)", "CREATE TABLE targets (name TEXT, colour TEXT)"])
def test_a_file_of_another_program_is_left_alone(batches, sql):
    journal_of(batches).parent.mkdir(parents=True)
    with closing(sqlite3.connect(journal_of(batches))) as other, other:
        other.execute(sql)
    before = journal_of(batches).read_bytes()
    with pytest.raises(InputError, match="another program"):
        batches.run(TEXT)
    assert journal_of(batches).read_bytes() == before
    assert {path.name for path in journal_of(batches).parent.iterdir()} - {"lock", "workers.lock", "scratch"} == {
        JOURNAL
    }


def test_results_of_other_settings_are_kept_where_the_journal_is_lost(batches):
    batches.run(TEXT)
    before = structures(batches)
    journal_of(batches).write_bytes(b"garbage" * 1000)
    code, told = batches.run(TEXT, prediction=replace(UNTRAINED, seed=7))
    assert code == 3 and set(told.states.values()) == {"failed"} and structures(batches) == before
    assert all("--overwrite" in end.error for end in told.ends)


def test_a_journal_that_is_damaged_while_it_is_used_ends_the_batch_with_one_error(batches, monkeypatch):
    def malformed(*arguments, **keywords):
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(Journal, "done", malformed)
    with pytest.raises(InputError, match=r"malformed.*run the same command again"):
        batches.run(TEXT)
    monkeypatch.undo()
    assert batches.run(TEXT)[0] == 0


def test_a_journal_that_the_disk_has_no_room_for_ends_the_batch_until_there_is(batches, monkeypatch):
    class Full(Recorder):
        """From the first result on the journal may not grow."""

        def ended(self, end):
            super().ended(end)
            if len(self.ends) == 1:
                pages = journals[0].execute("PRAGMA page_count").fetchone()[0]
                journals[0].execute(f"PRAGMA max_page_count = {pages}")

    text = "".join(f">t{number}\nMQIFVKTLTG{'K' * number}\n" for number in range(12))
    opened, journals = journal_module.open_journal, []

    def noted(*arguments, **keywords):
        journals.append(opened(*arguments, **keywords))
        return journals[-1]

    monkeypatch.setattr(journal_module, "open_journal", noted)
    told = Full()
    with pytest.raises(InputError, match=r"disk is full.*free some space"):
        run_batch(batches.settings(text), told)
    assert 1 <= len(told.ends) < 12
    code, again = batches.run(text)
    assert code == 0 and set(again.states) | set(told.states) == {f"t{number}" for number in range(12)}
    assert batches.rows("PRAGMA integrity_check") == [("ok",)] and batches.summary["counts"]["done"] == 12


@pytest.fixture(scope="module")
def folding(tmp_path_factory):
    """A folding worker in this process."""
    return FoldWorker(Batches(tmp_path_factory.mktemp("folding")).settings(TEXT))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("stage", ["search", "features", "fold"])
def test_a_worker_that_cannot_write_says_so_and_leaves_nothing_half(folding, tmp_path, monkeypatch, number, stage):
    ready, told = folding.ready(), []
    job = Job(record=sequence_record("MQIFVKTLTG", name="one"), folder=tmp_path / "one", scratch=tmp_path / "one.npz")
    searching = SearchWorker(ready.search, ready.identity)
    if stage == "fold":
        work(searching, job, told.append)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}

    def full(*arguments):
        raise OSError(number, os.strerror(number))

    def half_full(path, content):
        with path.open("wb") as stream:
            stream.write(content[: len(content) // 2])
        full()

    if stage == "features":
        monkeypatch.setattr(Path, "write_bytes", half_full)
    else:
        monkeypatch.setattr(os, "fsync", full)
    work(folding if stage == "fold" else searching, job, told.append)
    monkeypatch.undo()
    failure = told[-1].failure
    assert failure.no_space and os.strerror(number).lower() in failure.message.lower()
    assert isinstance(failure.to_error(), InputError)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert after.items() >= before.items() and not [path for path in after if ".tmp" in path.name]
    assert {path.name for path in after.keys() - before.keys()} <= {"run.json", "single.a3m"}


@pytest.mark.parametrize("hours", [1.0, -1.0])
def test_a_clock_that_jumps_changes_no_duration(batches, monkeypatch, hours):
    """The clock of the process that keeps the journal is an hour off from the first result on, and again in the next run."""

    class Jump(Recorder):
        def ended(self, end):
            super().ended(end)
            offsets.append(offsets[-1] + hours * HOUR)
            seen.append(status(batches.out))

    true, offsets, seen = time.time, [0.0], []
    monkeypatch.setattr(time, "time", lambda: true() + offsets[-1])
    begun, told = true(), Jump()
    assert run_batch(batches.settings(TEXT, time_limit=60.0), told) == 0
    took = true() - begun
    assert [standing.seconds_left >= 0 for standing in told.standings if standing.seconds_left is not None]
    assert all(0 < standing.seconds <= took for standing in told.standings[1:])
    assert [one.ended_in_run for one in seen] == [1, 2, 3]
    assert all(one.seconds_left is None or 0 <= one.seconds_left < 60 for one in seen)
    more = TEXT + ">three\nEVEPSDTIEN\n"
    code, _ = batches.run(more, time_limit=60.0)
    found = status(batches.out)
    assert code == 0 and found.ended_in_run == 1  # though the others may have ended in what is the future now
    assert 0 < found.run["seconds"] < took + 60
    times = batches.rows("SELECT started FROM stages WHERE name IN ('one', 'two')")
    assert all(begun <= started <= begun + took + 1 for (started,) in times)
    finished, started = batches.rows("SELECT max(finished), max(started) FROM targets, runs WHERE name != 'three'")[0]
    assert finished < started


def test_a_search_that_hangs_costs_its_target_alone(batches, monkeypatch):
    give = Pools.give

    def give_and_stop(self, worker, entry, job):
        hangs = worker.role == "search" and entry.target.name == "two"
        if hangs:
            os.kill(worker.pid, signal.SIGSTOP)
        give(self, worker, entry, job)
        if hangs:
            worker.job_started -= 600.0  # so much later is it

    monkeypatch.setattr(Pools, "give", give_and_stop)
    code, told = batches.run(TEXT, time_limit=600.0)
    assert code == 3 and told.states == {"one": "done", "two": "failed", "copy": "done"}
    monkeypatch.undo()
    assert batches.run(TEXT, retry_failed=True)[1].states == {"two": "done"}


def test_a_damaged_cache_is_searched_anew_and_gives_the_same(batches, tmp_path, caplog):
    search = SearchConfig(library=write_small_library(tmp_path / "library"), cache=tmp_path / "kept", threads=1)
    text = f">one\n{relative(0)}\n>two\n{relative(1)}\n"
    assert batches.run(text, search=search)[0] == 0
    entries = sorted((tmp_path / "kept").rglob("*.search"))
    kept = {path: path.read_bytes() for path in entries}
    features = {name: (batches.out / name / "features.npz").read_bytes() for name in ("one", "two")}
    for number, (path, content) in enumerate(kept.items()):
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        path.write_bytes((flipped, content[:middle], b"")[number % 3])
    batches.out = tmp_path / "again"
    caplog.clear()
    assert batches.run(text, search=search)[0] == 0
    assert len(entries) >= 2 and caplog.text.count("is damaged and made again") >= len(entries)
    assert {path: path.read_bytes() for path in entries}.keys() == kept.keys()
    assert {name: (batches.out / name / "features.npz").read_bytes() for name in features} == features
    assert min(row["msa_depth"] for row in batches.summary["targets"]) > 1
