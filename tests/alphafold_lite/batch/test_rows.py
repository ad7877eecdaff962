"""Rows that a batch may have written, and others."""

import json

import pytest

from alphafold_lite.batch.rows import COLUMNS, read_row
from alphafold_lite.batch.schema import open_journal
from data_pipeline.parsers.fasta import sequence_record
from tests.support.batches import planned_targets

STAGE = {
    "name": b"one", "stage": b"fold", "key": b"k", "state": b"done", "attempts": 1, "started": 2.5, "seconds": None, "device": b"cpu",
    "peak_bytes": 3, "files": b'{"a": "b"}', "details": b"{}", "error": None,
}  # fmt: skip


@pytest.fixture
def target(tmp_path):
    """The row of a target as it is stored."""
    journal = planned_targets(tmp_path, [sequence_record("MQIFV", name="one")])
    journal.close()
    connection = open_journal(tmp_path)
    connection.text_factory = bytes
    row = dict(connection.execute("SELECT * FROM targets").fetchone())
    connection.close()
    return row


def test_the_columns_are_those_of_the_tables(tmp_path):
    connection = open_journal(tmp_path)
    for table, columns in COLUMNS.items():
        assert tuple(row["name"] for row in connection.execute(f"PRAGMA table_info({table})")) == columns
    connection.close()


def test_what_a_batch_writes_is_read_as_it_is(target):
    found = read_row("targets", target)
    assert found["name"] == "one" and json.loads(found["record"])["chains"] == ["MQIFV"] and found["error"] is None
    assert read_row("stages", STAGE) == {
        name: value.decode() if isinstance(value, bytes) else value for name, value in STAGE.items()
    }


@pytest.mark.parametrize(
    "change",
    [{"state": b"dofe"}, {"state": b"d\xffne"}, {"record": b"{"}, {"record": b'{"name": "one"}'}, {"record": b"[]"}, {"number": b"x"},
     {"error": b"\xff"}, {"name": None, "state": 3}],
)  # fmt: skip
def test_a_target_that_no_batch_wrote(target, change):
    assert read_row("targets", target | change) is None


@pytest.mark.parametrize(
    "change",
    [{"stage": b"fond"}, {"state": b"failee"}, {"files": b'{"a": 1}'}, {"files": b'["a"]'}, {"files": b'{"a": "b'}, {"details": b"7"},
     {"seconds": b"soon"}, {"files": None}],
)  # fmt: skip
def test_a_stage_that_no_batch_wrote(change):
    assert read_row("stages", STAGE | change) is None
