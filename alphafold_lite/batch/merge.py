"""Journals of shards, or of batches on several machines, joined into one: nothing is folded, and nothing in the sources is changed."""

import logging
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from sqlite3 import Connection, Row
from typing import Literal

from alphafold_lite.batch.files import in_use, locked, scratch_file, shards_in, state_folder, state_path
from alphafold_lite.batch.merge_sources import Candidate, MergeReport, Source, check_alike, check_names, missing_shards
from alphafold_lite.batch.messages import STAGES, Stage
from alphafold_lite.batch.parcels import inside
from alphafold_lite.batch.rows import DONE, FAILED, PENDING, SEARCHED
from alphafold_lite.batch.schema import JOURNAL, VERSION, JournalError, open_for_reading, open_journal, unusable
from alphafold_lite.batch.status import runs_together
from alphafold_lite.batch.summary import counts, last_run, write_summary
from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.files import RUN_FILE, SEARCH_FILE, fingerprint_in, fresh_output_folder, write_atomic

log = logging.getLogger("alphafold_lite")
_BEST_FIRST = (DONE, SEARCHED, FAILED)  # of the states of one target in several journals; all others come last
_NOTES = ("configuration", "search", "division", "records")
_FOUND = "CREATE TABLE found (name TEXT COLLATE NOCASE, source INTEGER, number INTEGER, sequence TEXT, PRIMARY KEY (name, source))"


def merge(sources: Sequence[Path], out_dir: Path) -> MergeReport:
    """Join the journals of output folders, and of all shards in them, into the journal of `out_dir`, and write its summary.

    Targets of other folders are copied. Every file is compared with its checksum; a target whose files are damaged is to be done again,
    unless another journal has it whole. What `out_dir` has already is kept.

    Raises:
        InputError: no journal, a batch at work, journals of other settings or divisions, one name for different sequences, or a folder
            that cannot be written.
    """
    with ExitStack() as held:
        folders = [out_dir, *(folder for folder in sources if folder.resolve() != out_dir.resolve())]
        found = [source for folder in folders for source in _sources(held, folder)]
        if not found:
            places = ", ".join(map(str, folders))
            raise InputError("output folders of batches", f"no journal in {places}", "check the paths")
        check_alike(found)
        index = held.enter_context(_index(found))
        check_names(index, found)
        folder = state_folder(out_dir)
        held.enter_context(locked(out_dir))
        try:
            with closing(open_journal(folder)) as journal:
                report = _Merger(found, index, journal, out_dir).run()
        except JournalError as error:
            raise unusable(folder, error) from error
    write_summary(out_dir)
    return report


def _sources(held: ExitStack, out_dir: Path) -> Iterator[Source]:
    """The journals of an output folder that have begun a run, that of the whole first."""
    whole = [None] if (state_path(out_dir) / JOURNAL).is_file() else []
    for shard in (*whole, *shards_in(out_dir)):
        if in_use(out_dir, shard):
            found = "a batch" if shard is None else f"shard {shard}"
            raise InputError(f"nothing at work in {out_dir}", found, "wait for its end, then merge")
        journal = held.enter_context(closing(open_for_reading(state_path(out_dir, shard))))
        source = Source(out_dir=out_dir, shard=shard, journal=journal)
        if (version := source.note("version")) != str(VERSION):
            found = f"version {version} in {source.name}"
            raise InputError(f"journals of version {VERSION}", found, "run that batch again with this version")
        if last_run(journal):
            yield source


def _index(sources: Sequence[Source]) -> closing[Connection]:
    """Which journal has which names, in a table that the system keeps on disk where it is large."""
    index = sqlite3.connect("", isolation_level=None)
    index.row_factory = sqlite3.Row
    index.execute(_FOUND)
    index.execute("BEGIN")
    for number, source in enumerate(sources):
        index.executemany("INSERT INTO found VALUES (?, ?, ?, ?)", source.listed(number))
    index.execute("COMMIT")
    return closing(index)


class _Merger:
    def __init__(self, sources: Sequence[Source], index: Connection, journal: Connection, out_dir: Path) -> None:
        self._sources, self._index, self._journal, self._out_dir = sources, index, journal, out_dir
        self._report = MergeReport(journals=[source.name for source in sources], missing=missing_shards(sources))

    def run(self) -> MergeReport:
        """Everything in one transaction."""
        report, journal = self._report, self._journal
        journal.execute("BEGIN IMMEDIATE")
        try:
            run = self._begin()
            for numbers, name in self._names():
                self._take([Candidate.of(self._sources[number], name) for number in numbers], run)
            report.targets = {state: number for state, number in counts(journal).items() if number}
            if (records := self._note("records")) is not None and not report.missing:
                report.unlisted = max(0, int(records) - sum(report.targets.values()))
        except BaseException:
            journal.execute("ROLLBACK")
            raise
        journal.execute("COMMIT")
        return report

    def _begin(self) -> int:
        """A new run, as long as those of the sources together."""
        shards = [source for source in self._sources if source.shard is not None] or self._sources
        last = runs_together([last_run(source.journal) for source in shards])
        merged = sorted({shard for source in self._sources for shard in source.shards})
        notes = {name: self._note(name) for name in _NOTES} | {"merged": ",".join(merged)}
        self._journal.executemany(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)", [(name, value) for name, value in notes.items() if value]
        )
        ended = "interrupted" if self._report.missing else last["ended"]
        values = (time.time(), last["seconds"], last["fold_seconds"], last["fold_workers"], ended)
        query = "INSERT INTO runs (started, seconds, fold_seconds, fold_workers, ended) VALUES (?, ?, ?, ?, ?)"
        return self._journal.execute(query, values).lastrowid or 0

    def _note(self, name: str) -> str | None:
        """The first that any source has noted; of configurations that of folding before that of searching alone."""
        noted = [(source.is_searched_alone, found) for source in self._sources if (found := source.note(name))]
        return min(noted, key=lambda pair: pair[0])[1] if noted else None

    def _names(self) -> Iterator[tuple[list[int], str]]:
        """Every name, in the order of the FASTA file, with the numbers of the sources that have it."""
        query = "SELECT name, group_concat(source) AS sources FROM found GROUP BY name ORDER BY min(number), name"
        for row in self._index.execute(query):
            yield sorted(map(int, str(row["sources"]).split(","))), row["name"]

    def _take(self, candidates: Sequence[Candidate], run: int) -> None:
        """Write the best of the rows that several journals have of one target."""
        here = [one for one in candidates if one.source.is_whole_of(self._out_dir)]
        if len(candidates) - len(here) > 1:
            self._report.repeated.append(candidates[0].name)
        best, broken = _best(candidates)
        if best.source.out_dir.resolve() != self._out_dir.resolve():
            self._copy(best, overwrite=bool(here))
        elif best.source.shard is not None:
            self._copy_scratch(best)
        self._write(best, broken, run)

    def _write(self, best: Candidate, broken: Stage | None, run: int) -> None:
        if broken is not None:
            self._report.damaged.append(best.name)
        state = PENDING if broken is not None or best.state not in (DONE, SEARCHED, FAILED) else best.state
        self._insert("targets", best.row, {"run": run, "state": state})
        self._journal.execute("DELETE FROM stages WHERE name = ?", (best.name,))
        lost = STAGES[STAGES.index(broken) :] if broken is not None else ()
        for stage, row in best.stages.items():
            self._insert("stages", row, {"state": PENDING, "files": "{}"} if stage in lost else {})

    def _insert(self, table: Literal["targets", "stages"], row: Row, changes: Mapping[str, object]) -> None:
        columns = [column["name"] for column in self._journal.execute(f"PRAGMA table_info({table})")]
        values = [changes.get(column, row[column]) for column in columns]
        marks = ", ".join("?" * len(columns))
        self._journal.execute(f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({marks})", values)

    def _copy(self, best: Candidate, *, overwrite: bool) -> None:
        """Copy the whole files of a target; what is damaged stays behind.

        Raises:
            InputError: there are other results in its place.
        """
        origin, folder = best.folder, inside(self._out_dir, best.name)
        names = best.whole_files()
        record_name = RUN_FILE if RUN_FILE in names else SEARCH_FILE
        if record_name not in names or (fingerprint := fingerprint_in(origin / record_name)) is None:
            return
        fresh_output_folder(folder, fingerprint, overwrite=overwrite, record_name=record_name)
        for name in sorted(names, key=lambda name: name != record_name):  # which says what the others are
            write_atomic(inside(folder, name), inside(origin, name).read_bytes())
        self._copy_scratch(best)

    def _copy_scratch(self, best: Candidate) -> None:
        """Results that wait for relaxation."""
        origin = scratch_file(best.source.out_dir, best.row["key"], best.source.shard)
        if best.state not in (DONE, SEARCHED) and best.row["key"] and origin.is_file():
            write_atomic(scratch_file(self._out_dir, best.row["key"]), origin.read_bytes())


def _best(candidates: Sequence[Candidate]) -> tuple[Candidate, Stage | None]:
    """The one that is furthest on, of equal ones the first whose files are whole; and the first stage where they are not."""
    ordered = sorted(candidates, key=_rank)
    first, broken = ordered[0], ordered[0].first_broken()
    if broken is not None:
        for other in ordered[1:]:
            if other.state == first.state and other.first_broken() is None:
                return other, None
    return first, broken


def _rank(candidate: Candidate) -> int:
    known = candidate.state in _BEST_FIRST
    return _BEST_FIRST.index(candidate.state) if known else len(_BEST_FIRST)
