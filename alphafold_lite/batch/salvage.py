"""What a damaged journal still says of targets that are done. Nobody has to believe it: a run verifies every file before it goes on."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from alphafold_lite.batch.messages import STAGES
from alphafold_lite.batch.rows import COLUMNS, DONE, SEARCHED, read_row

# that of the tables themselves: no index is read
_ORDER = {"meta": "rowid", "targets": "rowid", "stages": "name, stage"}
_COPIED = {"copied_from", "searched_as"}  # in the details of a stage that stands for all before it


def salvage(damaged: Path, journal: sqlite3.Connection) -> int:
    """Take over the targets that are done and of which everything can be read; gives how many these are.

    Args:
        damaged: the file, with its write-ahead log beside it.
        journal: a new one, without targets, in a transaction.
    """
    with closing(_opened(damaged)) as old:
        old.row_factory, old.text_factory = sqlite3.Row, bytes
        for table, order in _ORDER.items():
            marks = ", ".join(f":{column}" for column in COLUMNS[table])
            rows = _sound_rows(old, table, order.split(", "))
            journal.executemany(f"INSERT OR IGNORE INTO {table} ({', '.join(COLUMNS[table])}) VALUES ({marks})", rows)
    return _keep_whole(journal)


def _opened(damaged: Path) -> sqlite3.Connection:
    """For reading, and without files beside it where there is no write-ahead log."""
    mode = "mode=ro" if damaged.with_name(f"{damaged.name}-wal").exists() else "immutable=1"
    return sqlite3.connect(f"{damaged.resolve().as_uri()}?{mode}", uri=True)


def _sound_rows(old: sqlite3.Connection, table: str, order: Collection[str]) -> Iterator[dict[str, Any]]:
    """Rows from the first on and, where one cannot be read, from the last on backwards."""
    for direction in ("ASC", "DESC"):
        by = ", ".join(f"{column} {direction}" for column in order)
        try:
            for row in old.execute(f"SELECT {', '.join(COLUMNS[table])} FROM {table} ORDER BY {by}"):
                if (values := read_row(table, dict(row))) is not None:
                    yield values
            return
        except sqlite3.DatabaseError:
            continue


def _keep_whole(journal: sqlite3.Connection) -> int:
    """Remove targets that are not done or of whose stages one is missing; the others belong to no run yet."""
    journal.execute("DELETE FROM stages WHERE state != ?", (DONE,))
    relaxes = journal.execute("SELECT 1 FROM stages WHERE stage = 'relax' LIMIT 1").fetchone() is not None
    lost: list[tuple[str]] = []
    for name, state in journal.execute("SELECT name, state FROM targets"):
        found = journal.execute("SELECT stage, details FROM stages WHERE name = ?", (name,))
        if not _is_whole(state, {stage: json.loads(details) for stage, details in found}, relaxes=relaxes):
            lost.append((name,))
    journal.executemany("DELETE FROM targets WHERE name = ?", lost)
    journal.execute("DELETE FROM stages WHERE name NOT IN (SELECT name FROM targets)")
    return journal.execute("UPDATE targets SET run = 0").rowcount


def _is_whole(state: str, stages: Mapping[str, dict[str, object]], *, relaxes: bool) -> bool:
    last = {DONE: "write", SEARCHED: "features"}.get(state)
    if last is None or last not in stages:
        return False
    if _COPIED & stages[last].keys():
        return True
    needed = STAGES[: STAGES.index(last) + 1]
    return all(stage in stages or (stage == "relax" and not relaxes) for stage in needed)
