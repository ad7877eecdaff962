"""A journal of many targets that is damaged in the middle: what is taken over is what was there."""

import sqlite3
from contextlib import closing

import pytest

from alphafold_lite.batch.messages import STAGES, StageResult
from alphafold_lite.batch.schema import JOURNAL, open_journal
from data_pipeline.parsers.fasta import sequence_record
from tests.support.batches import planned_targets

NUMBER, PAGE = 300, 4096


def finish(journal, name, stages, details=None):
    target = journal.get(name)
    for stage in stages:
        journal.stage_begun(target, stage)
        result = StageResult(
            stage=stage, seconds=1.0, device="cpu", peak_bytes=1, files={f"{name}-{stage}": 64 * "a"}, details=details or {}
        )  # fmt: skip
        journal.stage_ended(target, result)


def rows(path, table):
    with closing(sqlite3.connect(path)) as journal:
        columns = "name, header, key, record, state" if table == "targets" else "name, stage, key, files, details"
        return set(journal.execute(f"SELECT {columns} FROM {table}"))


@pytest.fixture
def path(tmp_path):
    """A journal of targets that are all done, without relaxation; the last is a copy of the first."""
    names = [f"target{number:03d}" for number in range(NUMBER)]
    journal = planned_targets(tmp_path, [sequence_record("MQIFVKTLTG", name=name) for name in names])
    with journal.together():
        for name in names[:-1]:
            finish(journal, name, [stage for stage in STAGES if stage != "relax"])
            journal.done(name)
        finish(journal, names[-1], ["write"], {"copied_from": names[0]})
        journal.done(names[-1])
    journal.close()
    return tmp_path / JOURNAL


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_page_that_is_lost_costs_its_targets(path, share, caplog):
    targets, stages = rows(path, "targets"), rows(path, "stages")
    content = bytearray(path.read_bytes())
    at = int(len(content) / PAGE * share) * PAGE
    content[at : at + PAGE] = b"\xff" * PAGE
    path.write_bytes(content)
    open_journal(path.parent).close()
    found, their_stages = rows(path, "targets"), rows(path, "stages")
    assert found <= targets and their_stages <= stages
    assert 0.5 * NUMBER < len(found) and "put aside as journal.sqlite.damaged-1." in caplog.text
    number = {name: sum(row[0] == name for row in their_stages) for name, *_ in found}
    assert {number.pop(f"target{NUMBER - 1}", 1), *number.values()} <= {1, 4}
    assert {name for name, count in number.items() if count == 1} <= {f"target{NUMBER - 1}"}
    aside = path.with_name("journal.sqlite.damaged-1")
    assert aside.read_bytes() == content
    assert sorted(p.name for p in path.parent.iterdir()) == [JOURNAL, aside.name]


def test_only_targets_with_all_their_stages_are_taken_over(path):
    with closing(sqlite3.connect(path)) as journal, journal:
        journal.execute("DELETE FROM stages WHERE name = 'target003' AND stage = 'fold'")
        journal.execute("UPDATE stages SET state = 'running' WHERE name = 'target004' AND stage = 'write'")
        journal.execute("UPDATE stages SET files = '{' WHERE name = 'target005' AND stage = 'search'")
        journal.execute("UPDATE targets SET state = 'failed' WHERE name = 'target006'")
        journal.execute("UPDATE targets SET state = 'dome' WHERE name = 'target007'")
        journal.execute("UPDATE targets SET state = 'searched' WHERE name = 'target008'")
        journal.execute("DELETE FROM stages WHERE name = 'target008' AND stage IN ('fold', 'write')")
    targets = rows(path, "targets")
    connection = open_journal(path.parent)
    assert connection.execute("SELECT value FROM meta WHERE name = 'configuration'").fetchone()[0] == "c"
    connection.close()
    lost = {row[0] for row in targets - rows(path, "targets")}
    assert lost == {f"target{number:03d}" for number in (3, 4, 5, 6, 7)}
    assert not {row[0] for row in rows(path, "stages")} & lost


def test_of_relaxed_targets_the_relaxation_must_be_there(path):
    with closing(sqlite3.connect(path)) as journal, journal:
        journal.execute(
            "INSERT INTO stages (name, stage, key, state, attempts) SELECT name, 'relax', key, 'done', 1 FROM targets WHERE name != 'target003'"
        )
        journal.execute("UPDATE targets SET state = 'dome' WHERE name = 'target007'")
    open_journal(path.parent).close()
    assert NUMBER - 2 == len(rows(path, "targets"))
    assert not {"target003", "target007"} & {row[0] for row in rows(path, "targets")}


def test_what_the_write_ahead_log_holds_is_taken_over(path, tmp_path):
    with closing(sqlite3.connect(path)) as journal:
        journal.execute("PRAGMA journal_mode=WAL")
        journal.execute("UPDATE targets SET header = 'new' WHERE name = 'target001'")
        journal.execute("UPDATE targets SET state = 'dome' WHERE name = 'target002'")
        journal.commit()
        other = tmp_path / "killed"
        other.mkdir()
        for name in (JOURNAL, f"{JOURNAL}-wal"):  # as a process that was killed leaves them
            (other / name).write_bytes((path.parent / name).read_bytes())
    open_journal(other).close()
    found = {row[0]: row[1] for row in rows(other / JOURNAL, "targets")}
    assert len(found) == NUMBER - 1 and found["target001"] == "new" and "target002" not in found
