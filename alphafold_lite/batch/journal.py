"""The journal of a batch: targets, and what became of each of their stages. One process writes it."""

import json
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from sqlite3 import Row

from alphafold_lite.batch.messages import STAGES, Failure, Stage, StageResult
from alphafold_lite.batch.rows import ACTIVE, DONE, FAILED, LEFT, PENDING, RUNNING
from alphafold_lite.batch.schema import open_journal, transaction
from data_pipeline.parsers.fasta import FastaRecord, RecordProblem

ANY_LENGTH, PAGE = 2**31, 500
EARLIER = 0.001  # seconds
_HAS_FEATURES = (
    "AND EXISTS (SELECT 1 FROM stages AS s WHERE s.name = t.name AND s.stage = 'features' AND s.state = 'done') "
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A target as the journal knows it."""

    key: str
    record: FastaRecord
    stages: dict[Stage, Row]  # those that are done

    @property
    def name(self) -> str:
        """Its name and folder."""
        return self.record.name

    @property
    def seconds(self) -> dict[str, float]:
        """Times for `timings.json`."""
        searched = [float(self.stages[stage]["seconds"]) for stage in STAGES[:2] if stage in self.stages]
        folded = json.loads(self.stages["fold"]["details"])["seconds"] if "fold" in self.stages else {}
        return ({"features": sum(searched)} if searched else {}) | folded


class Journal:
    """What is to be done and what is done. Each method is one transaction unless `together` joins several.

    Args:
        folder: where the file is kept.
        use_wal: see `open_journal`.

    Raises:
        InputError: as `open_journal`.
    """

    def __init__(self, folder: Path, *, use_wal: bool = True) -> None:
        self._db = open_journal(folder, use_wal=use_wal)
        self.run = 0
        self._started = time.time(), time.monotonic()
        self.only_searched = False  # `take` leaves out targets without features

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def together(self) -> Generator[None]:
        """One transaction for all that happens inside."""
        with transaction(self._db):
            yield

    @property
    def configuration(self) -> str | None:
        """Digest of the configuration and parameters of the last run."""
        return self.note("configuration")

    def note(self, name: str) -> str | None:
        """What was noted under a name: `configuration`, `search` (the settings), `shard`, `division`."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def begin_run(self, configuration: str, **notes: str) -> None:
        """Begin a run, with what is to be noted of it; what an earlier one left unfinished is pending again.

        What ended before has not ended later than now, though the clock may have said so.
        """
        self._started = time.time(), time.monotonic()
        with self.together():
            self._db.execute(
                "UPDATE targets SET finished = ? WHERE finished >= ?", (self._started[0] - EARLIER, self._started[0])
            )
            for name, value in (notes | {"configuration": configuration}).items():
                self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
            self.run = self._db.execute("INSERT INTO runs (started) VALUES (?)", (self._started[0],)).lastrowid or 0
            self.settle()

    def settle(self) -> None:
        """What was begun and not ended is pending again."""
        self._db.execute("UPDATE targets SET state = ? WHERE state = ?", (PENDING, ACTIVE))
        self._db.execute("UPDATE stages SET state = ? WHERE state = ?", (LEFT, RUNNING))

    def note_run(self, *, seconds: float, fold_seconds: float, fold_workers: int = 1, ended: str | None = None) -> None:
        """How long the run has taken so far, and how long fold calls ran in it, of all its folding workers together."""
        self._db.execute(
            "UPDATE runs SET seconds = ?, fold_seconds = ?, fold_workers = ?, ended = ? WHERE id = ?",
            (seconds, fold_seconds, fold_workers, ended, self.run),
        )

    def is_listed(self, name: str) -> bool:
        """Whether this run has a target of this name already."""
        row = self._db.execute("SELECT run FROM targets WHERE name = ?", (name,)).fetchone()
        return row is not None and row[0] == self.run

    def put(self, entry: FastaRecord | RecordProblem, *keys: str, selected: bool) -> Row | None:
        """List an entry of the FASTA file; gives what was known of the same target, None where it is new or another.

        Args:
            keys: its key, and others under which it is the same target.
        """
        key = keys[0]
        known = self._db.execute("SELECT * FROM targets WHERE name = ?", (entry.name,)).fetchone()
        usable = isinstance(entry, FastaRecord)
        if known is not None and usable and known["key"] in keys:
            self._db.execute(
                "UPDATE targets SET key = ?, number = ?, header = ?, run = ?, selected = ?, record = ? WHERE name = ?",
                (key, entry.index, entry.header, self.run, selected, _content(entry), entry.name),
            )
            return known
        length = len(entry.sequence) if usable else 0
        content = _content(entry) if usable else ""
        self._db.execute("DELETE FROM stages WHERE name = ?", (entry.name,))
        self._db.execute(
            "INSERT OR REPLACE INTO targets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)",
            (entry.name, entry.index, entry.header, key, length, content, PENDING, self.run, selected),
        )
        if isinstance(entry, RecordProblem):
            self.failed(entry.name, Failure.of(entry.error))
        return None

    def take(self, *, longest: int = ANY_LENGTH) -> Target | None:
        """The longest target that is to be done and whose like is not being done; it is active from now on.

        Args:
            longest: the most residues that it may have.
        """
        row = self._db.execute(
            "SELECT * FROM targets AS t WHERE run = ? AND selected = 1 AND state = ? AND length <= ? AND NOT EXISTS "
            f"(SELECT 1 FROM targets AS o WHERE o.key = t.key AND o.state = ?) {_HAS_FEATURES if self.only_searched else ''}"
            "ORDER BY length DESC, number LIMIT 1",
            (self.run, PENDING, longest, ACTIVE),
        ).fetchone()
        if row is None:
            return None
        self._db.execute("UPDATE targets SET state = ? WHERE name = ?", (ACTIVE, row["name"]))
        return self._target(row)

    def get(self, name: str) -> Target:
        """A target by name, with the stages done so far."""
        return self._target(self._db.execute("SELECT * FROM targets WHERE name = ?", (name,)).fetchone())

    def twins(self, target: Target, state: str) -> list[Target]:
        """Other targets of the same sequence and configuration in one state."""
        rows = self._db.execute(
            "SELECT * FROM targets WHERE key = ? AND state = ? AND name != ? AND (selected OR state = ?) AND run = ? "
            "ORDER BY number",
            (target.key, state, target.name, DONE, self.run),
        ).fetchall()
        return [self._target(row) for row in rows]

    def stage_begun(self, target: Target, stage: Stage) -> None:
        """One more attempt at a stage."""
        self._db.execute(
            "INSERT INTO stages (name, stage, key, state, attempts, started) VALUES (?, ?, ?, ?, 1, ?) "
            "ON CONFLICT (name, stage) DO UPDATE SET key = excluded.key, state = excluded.state, attempts = attempts + 1, "
            "started = excluded.started, error = NULL",
            (target.name, stage, target.key, RUNNING, self._now),
        )

    def stage_ended(self, target: Target, result: StageResult) -> None:
        """What a stage left."""
        state = DONE if result.error is None else FAILED
        self._db.execute(
            "UPDATE stages SET state = ?, seconds = ?, device = ?, peak_bytes = ?, files = ?, details = ?, error = ? "
            "WHERE name = ? AND stage = ?",
            (state, result.seconds, result.device, result.peak_bytes, json.dumps(result.files), json.dumps(result.details),
             result.error, target.name, result.stage),
        )  # fmt: skip

    def done(self, name: str, state: str = DONE) -> None:
        """All stages of a target are done, or all that search."""
        self._end(name, state, None)

    def failed(self, name: str, failure: Failure) -> None:
        """A target failed; so did the stage in hand."""
        with self.together() if not self._db.in_transaction else _joined():
            self._end(name, FAILED, failure)
            self._db.execute(
                "UPDATE stages SET state = ?, error = ? WHERE name = ? AND state = ?",
                (FAILED, failure.message, name, RUNNING),
            )

    def again(self, name: str, *, since: Stage | None = None) -> None:
        """Do a target again: all stages from one on, or those not done."""
        self._db.execute(
            "UPDATE targets SET state = ?, error = NULL, exit_code = NULL, finished = NULL WHERE name = ?",
            (PENDING, name),
        )
        for stage in STAGES[STAGES.index(since) :] if since is not None else ():
            self._db.execute(
                "UPDATE stages SET state = ?, files = '{}' WHERE name = ? AND stage = ?", (PENDING, name, stage)
            )

    def counts(self, *, also_done: str = DONE) -> dict[str, int]:
        """Selected targets of this run by state, with those of a further state counted as done."""
        rows = self._db.execute(
            "SELECT state, count(*) FROM targets WHERE run = ? AND selected GROUP BY state", (self.run,)
        )
        found: dict[str, int] = dict.fromkeys((PENDING, ACTIVE, DONE, FAILED), 0) | dict(rows)
        if also_done != DONE:
            found[DONE] += found.pop(also_done, 0)
        return found

    def names(self) -> Iterator[str]:
        """Names listed in this run."""
        return (row[0] for row in self._db.execute("SELECT name FROM targets WHERE run = ?", (self.run,)))

    def known(self, name: str) -> Row | None:
        """The row of a target; None where there is none."""
        return self._db.execute("SELECT * FROM targets WHERE name = ?", (name,)).fetchone()

    def listed_before(self) -> Iterator[FastaRecord]:
        """The usable records of the run before, in their order, a page held at a time; all its targets go over to this one."""
        self._db.execute("UPDATE targets SET run = ? WHERE run = (SELECT max(run) FROM targets)", (self.run,))
        last: tuple[int, str] = (-1, "")
        query = "SELECT * FROM targets WHERE run = ? AND record != '' AND (number, name) > (?, ?) ORDER BY number, name LIMIT ?"
        while page := self._db.execute(query, (self.run, *last, PAGE)).fetchall():
            last = (page[-1]["number"], page[-1]["name"])
            yield from map(_record, page)

    def error_of(self, name: str) -> str | None:
        """Why a target failed."""
        return self._db.execute("SELECT error FROM targets WHERE name = ?", (name,)).fetchone()[0]

    @property
    def _now(self) -> float:
        """Seconds since 1970; within a run they pass as they do, whatever happens to the clock."""
        begun, then = self._started
        return begun + time.monotonic() - then

    def _end(self, name: str, state: str, failure: Failure | None) -> None:
        message, code = (None, 0) if failure is None else (failure.message, failure.exit_code)
        self._db.execute(
            "UPDATE targets SET state = ?, error = ?, exit_code = ?, finished = ? WHERE name = ?",
            (state, message, code, self._now, name),
        )

    def _target(self, row: Row) -> Target:
        stages = self._db.execute("SELECT * FROM stages WHERE name = ? AND state = ?", (row["name"], DONE)).fetchall()
        return Target(key=row["key"], record=_record(row), stages={stage["stage"]: stage for stage in stages})


def _record(row: Row) -> FastaRecord:
    content = json.loads(row["record"])
    for name in ("chains", "notices"):
        content[name] = tuple(content[name])
    content["replaced"] = tuple((position, letter) for position, letter in content["replaced"])
    return FastaRecord(**content)


def _content(record: FastaRecord) -> str:
    return json.dumps({field.name: getattr(record, field.name) for field in fields(record)})


@contextmanager
def _joined() -> Generator[None]:
    """Part of a transaction that is open already."""
    yield
