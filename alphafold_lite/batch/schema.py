"""Tables of the journal, and how its file is opened."""

import logging
import sqlite3
from pathlib import Path

from alphafold_lite.common.errors import InputError

log = logging.getLogger("alphafold_lite")
JOURNAL = "journal.sqlite"
VERSION = 1
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
    """Open or make the journal; one that cannot be read is put aside and a new one begun.

    Args:
        use_wal: try a write-ahead log, which some network file systems cannot do; a rollback journal is used there.

    Raises:
        InputError: the file cannot be made, or was made by a later version.
    """
    path = folder / JOURNAL
    try:
        return _checked(path, use_wal=use_wal)
    except sqlite3.OperationalError as error:  # no rights, no space, locked: the file itself may be sound
        raise unusable(path, error) from error
    except sqlite3.DatabaseError as error:
        aside = _put_aside(path)
        log.warning("the journal was damaged (%s); put aside as %s, and every target is done again", error, aside.name)
        return _checked(path, use_wal=use_wal)


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
        try:
            connection = sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, timeout=BUSY_SECONDS)
            connection.row_factory = sqlite3.Row
            connection.execute("SELECT count(*) FROM targets").fetchone()
            return connection
        except sqlite3.Error as error:
            last = error
    raise InputError(f"a readable journal {path}", str(last), "run the batch again; it repairs its journal")


def _checked(path: Path, *, use_wal: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        fault = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if fault != "ok":
            raise sqlite3.DatabaseError(str(fault))
        _choose_mode(connection, use_wal=use_wal)
        connection.executescript(TABLES)
        _check_version(connection, path)
        for table, columns in (("targets", "name, record, run"), ("stages", "name, files, details"), ("runs", "id")):
            _ = connection.execute(f"SELECT {columns} FROM {table} LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _choose_mode(connection: sqlite3.Connection, *, use_wal: bool) -> None:
    """WAL where it proves to work, else a rollback journal."""
    if use_wal:
        try:
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            connection.execute("CREATE TABLE IF NOT EXISTS probe (value INTEGER)")
            connection.execute("DROP TABLE probe")
            if mode == "wal":
                connection.execute("PRAGMA synchronous=NORMAL")
                return
        except sqlite3.OperationalError as error:
            log.warning("the journal has no write-ahead log (%s)", error)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("PRAGMA synchronous=FULL")


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('version', ?)", (str(VERSION),))
    found = connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()[0]
    if found != str(VERSION):
        raise InputError(f"a journal of version {VERSION} ({path})", f"version {found}", "use another --out-dir")


def _put_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.replace(aside)
    for ending in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    return aside


def unusable(path: Path, error: sqlite3.Error) -> InputError:
    """The error for a journal that could be read or written if the system let it."""
    return InputError(
        f"a journal that can be written ({path})", str(error), "choose another --out-dir or free some space"
    )
