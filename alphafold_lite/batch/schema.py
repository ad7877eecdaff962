"""Tables of the journal, and how its file is opened."""

import logging
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from alphafold_lite.batch.rows import COLUMNS, read_row
from alphafold_lite.batch.salvage import salvage
from alphafold_lite.common.errors import InputError

log = logging.getLogger("alphafold_lite")
JOURNAL = "journal.sqlite"
VERSION = 1
JournalError = sqlite3.DatabaseError  # whatever is wrong: no rights, no space, damage
PROBE = "probe"
BUSY_SECONDS = 20.0
TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY, started REAL NOT NULL, seconds REAL NOT NULL DEFAULT 0, fold_seconds REAL NOT NULL DEFAULT 0,
    fold_workers INTEGER NOT NULL DEFAULT 1, ended TEXT);
CREATE TABLE IF NOT EXISTS targets (
    name TEXT PRIMARY KEY COLLATE NOCASE, number INTEGER NOT NULL, header TEXT NOT NULL, key TEXT NOT NULL, length INTEGER NOT NULL,
    record TEXT NOT NULL, state TEXT NOT NULL, run INTEGER NOT NULL, selected INTEGER NOT NULL, error TEXT, exit_code INTEGER,
    finished REAL);
CREATE INDEX IF NOT EXISTS by_state ON targets (run, selected, state, length DESC, number);
CREATE INDEX IF NOT EXISTS by_key ON targets (key, state);
CREATE TABLE IF NOT EXISTS stages (
    name TEXT NOT NULL COLLATE NOCASE, stage TEXT NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL,
    started REAL, seconds REAL, device TEXT, peak_bytes INTEGER, files TEXT NOT NULL DEFAULT '{}', details TEXT NOT NULL DEFAULT '{}',
    error TEXT, PRIMARY KEY (name, stage)) WITHOUT ROWID;
"""


def open_journal(folder: Path, *, use_wal: bool = True) -> sqlite3.Connection:
    """Open or make the journal; one that is damaged is put aside, and what it still says of targets that are done goes into a new one.

    Args:
        use_wal: try a write-ahead log, which some network file systems cannot do; a rollback journal is used there.

    Raises:
        InputError: the file cannot be made, or was made by a later version or another program; it is left alone then.
    """
    path = folder / JOURNAL
    try:
        return _checked(path, use_wal=use_wal)
    except sqlite3.OperationalError as error:  # no rights, no space, locked: the file itself may be sound
        raise unusable(path, error) from error
    except sqlite3.DatabaseError as error:
        return _renewed(path, error, use_wal=use_wal)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """All that happens inside, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # SQLite ends it where the disk is full
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def open_for_reading(folder: Path) -> sqlite3.Connection:
    """The journal of a batch that may be running; nothing is written.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    path = folder / JOURNAL
    if not path.is_file():
        raise InputError(f"the output folder of a batch ({folder.parent})", "no journal in it", "check the path")
    last: sqlite3.Error | None = None
    for mode in ("mode=ro", "immutable=1"):  # the latter where the folder cannot be written and nobody else does
        connection = None
        try:
            connection = sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, timeout=BUSY_SECONDS)
            connection.row_factory = sqlite3.Row
            if (fault := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(fault)
            connection.execute("SELECT count(*) FROM targets").fetchone()
            return connection
        except sqlite3.Error as error:
            last = error
            if connection is not None:
                connection.close()
    raise InputError(f"a readable journal {path}", str(last), "run the batch again; it repairs its journal")


def _checked(path: Path, *, use_wal: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        fault = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if fault != "ok":
            raise sqlite3.DatabaseError(str(fault))
        _check_ours(connection, path)
        _check_rows(connection)
        _choose_mode(connection, use_wal=use_wal)
        connection.executescript(TABLES)
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('version', ?)", (str(VERSION),))
    except BaseException:
        connection.close()
        raise
    return connection


def _choose_mode(connection: sqlite3.Connection, *, use_wal: bool) -> None:
    """WAL where it proves to work, else a rollback journal."""
    if use_wal:
        try:
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            connection.execute(f"CREATE TABLE IF NOT EXISTS {PROBE} (value INTEGER)")
            connection.execute(f"DROP TABLE {PROBE}")
            if mode == "wal":
                connection.execute("PRAGMA synchronous=NORMAL")
                return
        except sqlite3.OperationalError as error:
            log.warning("the journal has no write-ahead log (%s)", error)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("PRAGMA synchronous=FULL")


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Raise InputError for tables of another program or a later version, before anything is written.

    Those of a journal that was just being made when its process was killed may be incomplete.
    """
    found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    columns = {
        name: {row["name"] for row in connection.execute(f"PRAGMA table_info({name})")}
        for name in COLUMNS.keys() & found
    }
    if "meta" in found and {"name", "value"} <= columns["meta"]:
        row = connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
        if row is not None and row[0] != str(VERSION):
            raise InputError(f"a journal of version {VERSION} ({path})", f"version {row[0]}", "use another --out-dir")
    foreign = sorted(name for name in found - COLUMNS.keys() - {PROBE} if not name.startswith("sqlite_"))
    foreign += [name for name, names in columns.items() if not names >= set(COLUMNS[name])]
    if foreign:
        problem = f"an SQLite file of another program (table {foreign[0]})"
        raise InputError(f"a journal of a batch ({path})", problem, "move it away, or use another --out-dir")


def _check_rows(connection: sqlite3.Connection) -> None:
    """Raise DatabaseError where a row cannot have been written by a batch."""
    connection.text_factory = bytes
    tables = [row[0].decode() for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in COLUMNS.keys() & set(tables):
        for row in connection.execute(f"SELECT * FROM {table}"):
            if read_row(table, dict(row)) is None:
                raise sqlite3.DatabaseError(f"a row of {table} that no batch has written")
    connection.text_factory = str


def _renewed(path: Path, error: sqlite3.Error, *, use_wal: bool) -> sqlite3.Connection:
    """A new journal in the place of a damaged one, which is kept, with what that one still says of targets that are done."""
    aside = _put_aside(path)
    try:
        connection = _checked(path, use_wal=use_wal)
        with transaction(connection):
            number = salvage(aside, connection)
    except sqlite3.OperationalError as trouble:
        raise unusable(path, trouble) from trouble
    log.warning(
        "the journal was damaged (%s); it is put aside as %s. It still tells of %d targets that are done: their files are verified; "
        "all others are done again",
        error,
        aside.name,
        number,
    )
    return connection


def _put_aside(path: Path) -> Path:
    """Give a journal another name, its write-ahead log first: that of another file must not be taken for its own."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    for ending in ("-wal", "-journal", ""):
        part = path.with_name(path.name + ending)
        if part.exists() and (part.stat().st_size or not ending):
            part.replace(aside.with_name(aside.name + ending))
        else:
            part.unlink(missing_ok=True)
    return aside


def unusable(path: Path, error: sqlite3.Error) -> InputError:
    """The error for a journal that could be read or written if the system let it, or that was damaged while it was in use."""
    expected = f"a journal that can be written ({path})"
    if isinstance(error, sqlite3.OperationalError):
        return InputError(expected, str(error), "choose another --out-dir or free some space")
    return InputError(expected, str(error), "run the same command again: it repairs its journal")
