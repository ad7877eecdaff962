"""The plan of a batch: streamed, named, keyed, ordered."""

import gzip
import sqlite3
import tracemalloc

import pytest

from alphafold_lite.batch.journal import Journal
from alphafold_lite.batch.plan import Course, plan, target_key
from alphafold_lite.batch.schema import open_journal
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.fasta import FastaRecord, parse_fasta, stream_fasta
from data_pipeline.parsers.names import Namer

ODD = ">a b c\r\nmqifv*\r\nKT\r\n>A\nBJOUZMQIFVK\n>a\nMQ-IF\n>\nACDEFG\n>con\nMQ:KT\n>a\n\n"

COURSE = Course(configuration="x", former="y", relaxes=False)


def planned(folder, text, **keywords):
    path = folder / "in.fa"
    path.write_text(text)
    journal = Journal(folder)
    journal.begin_run("x")
    problems = [
        problem
        for problem in plan(BatchSettings(fasta=str(path), out_dir=folder, **keywords), journal, COURSE)
        if problem is not None
    ]
    return journal, problems


@pytest.mark.parametrize("packed", [False, True])
def test_streaming_gives_what_reading_gives(tmp_path, packed):
    path = tmp_path / "x.fa"
    path.write_bytes(gzip.compress(ODD.encode()) if packed else ODD.encode())
    taken = set()

    namer = Namer(taken.__contains__)

    def name(header):
        found = namer(header)
        taken.add(found.lower())
        return found

    streamed = list(stream_fasta(path, name))
    whole = parse_fasta(ODD, source=str(path))
    assert [entry for entry in streamed if isinstance(entry, FastaRecord)] == list(whole.records)
    problems = [entry for entry in streamed if not isinstance(entry, FastaRecord)]
    assert [(entry.name, str(entry.error)) for entry in problems] == [
        (entry.name, str(entry.error)) for entry in whole.problems
    ]


@pytest.mark.parametrize(("content", "message"), [
    (b"", "at least one record"), (b"MQ\n>a\nMQ\n", "before any other text"), (b">a\nM\x00Q\n", "plain text"),
    (gzip.compress(b">a\n" + b"MQ" * 500, mtime=0)[:-9], "gzip data"),
])  # fmt: skip
def test_files_that_are_no_fasta(tmp_path, content, message):
    path = tmp_path / "x.fa"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(stream_fasta(path, str))
    with pytest.raises(InputError, match="readable file"):
        list(stream_fasta(tmp_path / "none.fa", str))


def test_names_and_problems_are_those_of_predict_and_the_longest_comes_first(tmp_path):
    journal, problems = planned(tmp_path, ODD)
    whole = parse_fasta(ODD, source=str(tmp_path / "in.fa"))
    assert [problem.name for problem in problems] == [problem.name for problem in whole.problems]
    order = []
    while (target := journal.take()) is not None:
        order.append(target.record)
    assert order == sorted(whole.records, key=lambda record: (-len(record.sequence), record.index))
    assert journal.counts() == {"pending": 0, "active": len(whole.records), "done": 0, "failed": len(whole.problems)}


def test_only_bad_records_is_an_error(tmp_path):
    with pytest.raises(InputError, match="record 1"):
        planned(tmp_path, ">a\nM1\n>b\n2\n")


def test_what_is_held_does_not_grow_with_the_file(tmp_path):
    peaks = []
    for number in (600, 2_400):
        folder = tmp_path / str(number)
        folder.mkdir()
        text = "".join(f">t{index}\n{'ACDEFGHIKLMNPQRSTVWY' * 60}\n" for index in range(number))
        (folder / "in.fa").write_text(text)
        journal = Journal(folder)
        journal.begin_run("x")
        tracemalloc.start()
        settings = BatchSettings(fasta=str(folder / "in.fa"), out_dir=folder)
        assert sum(1 for _ in plan(settings, journal, COURSE)) == number
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 200_000 and peaks[1] < 1_000_000  # 2.9 MB of sequences


def test_keys_part_chains_and_configurations():
    keys = [target_key("x", ["MQ", "KT"]), target_key("x", ["MQKT"]), target_key("y", ["MQKT"])]
    assert len(set(keys)) == 3 and target_key("x", ["MQKT"]) == keys[1]


def test_a_target_whose_like_is_being_done_waits(tmp_path):
    journal, _ = planned(tmp_path, ">a\nMQIFV\n>b\nMQIFV\n")
    first = journal.take()
    assert first.name == "a" and journal.take() is None
    assert [twin.name for twin in journal.twins(first, "pending")] == ["b"]
    journal.done("a")
    assert journal.take().name == "b"


@pytest.mark.parametrize(("use_wal", "mode"), [(True, "wal"), (False, "delete")])
def test_the_journal_does_with_and_without_a_write_ahead_log(tmp_path, use_wal, mode):
    journal = open_journal(tmp_path, use_wal=use_wal)
    assert journal.execute("PRAGMA journal_mode").fetchone()[0] == mode
    journal.close()


def test_a_write_ahead_log_that_fails_is_done_without(tmp_path, monkeypatch, caplog):
    class NoWal(sqlite3.Connection):
        def execute(self, sql, *arguments):
            if sql == "PRAGMA journal_mode=WAL":
                raise sqlite3.OperationalError("locking protocol")
            return super().execute(sql, *arguments)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *given, **named: connect(*given, **named, factory=NoWal))
    journal = open_journal(tmp_path)
    assert journal.execute("PRAGMA journal_mode").fetchone()[0] == "delete" and "locking protocol" in caplog.text
    journal.close()


def test_a_journal_of_a_later_version_is_left_alone(tmp_path):
    journal = open_journal(tmp_path)
    journal.execute("UPDATE meta SET value = '99' WHERE name = 'version'")
    journal.close()
    with pytest.raises(InputError, match="version 99"):
        open_journal(tmp_path)
