"""What there is to be merged: journals, what they say of a target, and whether they belong together."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from sqlite3 import Connection, Row

from alphafold_lite.batch.apart import search_alone, search_from_text
from alphafold_lite.batch.files import damaged
from alphafold_lite.batch.messages import Stage
from alphafold_lite.batch.parcels import inside
from alphafold_lite.batch.plan import configuration_digest, first_broken, noted_files
from alphafold_lite.batch.rows import DONE, SEARCHED
from alphafold_lite.batch.shards import Shard
from alphafold_lite.common.errors import EXIT_OK, EXIT_SOME_FAILED, InputError
from alphafold_lite.outputs.run_record import sha256_of

LAST_RUN = "run = (SELECT max(id) FROM runs)"


@dataclass(slots=True)
class MergeReport:
    """What was joined: targets by state; shards that no folder has; names that several journals have; names with damaged files; and how
    many records of the FASTA file no journal lists."""

    targets: dict[str, int] = field(default_factory=dict[str, int])
    journals: list[str] = field(default_factory=list[str])
    missing: list[str] = field(default_factory=list[str])
    repeated: list[str] = field(default_factory=list[str])
    damaged: list[str] = field(default_factory=list[str])
    unlisted: int = 0

    @property
    def exit_code(self) -> int:
        """0 where all targets of all shards are done, or all are searched; else 3."""
        alike = set(self.targets) in ({DONE}, {SEARCHED}, set())
        return EXIT_OK if alike and not (self.missing or self.damaged or self.unlisted) else EXIT_SOME_FAILED

    def to_json_dict(self) -> dict[str, object]:
        """What `merge --json` prints."""
        return {
            "targets": self.targets,
            "journals": self.journals,
            "missing_shards": self.missing,
            "in_more_than_one": self.repeated,
            "damaged": self.damaged,
            "unlisted": self.unlisted,
        }


@dataclass(frozen=True, kw_only=True)
class Source:
    """One journal, open for reading, and the output folder that it speaks of."""

    out_dir: Path
    shard: Shard | None
    journal: Connection

    @property
    def name(self) -> str:
        """For people."""
        return str(self.out_dir) if self.shard is None else f"{self.out_dir} (shard {self.shard})"

    @property
    def shards(self) -> list[str]:
        """The shards that it holds, as `I/N`: its own, or those merged into it before."""
        if self.shard is not None:
            return [str(self.shard)]
        return [text for text in (self.note("merged") or "").split(",") if text]

    @cached_property
    def is_searched_alone(self) -> bool:
        """Whether nothing has been folded."""
        search = self.note("search")
        if search is None:
            return False
        return self.note("configuration") == configuration_digest(search_alone(search_from_text(search)))

    def is_whole_of(self, out_dir: Path) -> bool:
        """Whether it is the journal of an output folder as a whole."""
        return self.shard is None and self.out_dir.resolve() == out_dir.resolve()

    def note(self, name: str) -> str | None:
        """What the journal has noted under a name."""
        row = self.journal.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def listed(self, number: int) -> Iterator[tuple[str, int, int, str]]:
        """Targets of the last run: name, a number for this source, place, and digest of the sequence (empty for records without one)."""
        for row in self.journal.execute(f"SELECT name, number, record FROM targets WHERE {LAST_RUN}"):
            sequence = sha256_of(json.dumps(json.loads(row["record"])["chains"])) if row["record"] else ""
            yield row["name"], number, row["number"], sequence


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """What one journal says of a target.

    Raises:
        InputError: a name that leads out of the output folder.
    """

    source: Source
    row: Row
    stages: dict[Stage, Row]
    folder: Path

    @classmethod
    def of(cls, source: Source, name: str) -> "Candidate":
        """From the journal."""
        row = source.journal.execute(f"SELECT * FROM targets WHERE name = ? AND {LAST_RUN}", (name,)).fetchone()
        stages = source.journal.execute("SELECT * FROM stages WHERE name = ?", (name,)).fetchall()
        known: dict[Stage, Row] = {stage["stage"]: stage for stage in stages}
        return cls(source=source, row=row, stages=known, folder=inside(source.out_dir, row["name"]))

    @property
    def name(self) -> str:
        """Of the target."""
        return self.row["name"]

    @property
    def state(self) -> str:
        """Of the target."""
        return self.row["state"]

    @property
    def done(self) -> dict[Stage, Row]:
        """The stages that are done."""
        return {stage: row for stage, row in self.stages.items() if row["state"] == DONE}

    def first_broken(self) -> Stage | None:
        """The first stage whose files are missing or damaged."""
        return first_broken(self.done, self.folder)

    def whole_files(self) -> list[str]:
        """Names of the files that are as they were written."""
        files = {name: digest for name, (_, digest) in noted_files(self.done).items()}
        for name in files:
            inside(self.folder, name)
        return sorted(files.keys() - set(damaged(self.folder, files)))


def check_alike(sources: Sequence[Source]) -> None:
    """Refuse journals that cannot belong together.

    Raises:
        InputError: other settings or parameters, another FASTA file divided, or another number of shards.
    """
    folding = [source for source in sources if not source.is_searched_alone]
    _check_note(folding, "configuration", "journals of the same settings, parameters and device")
    _check_note(sources, "search", "journals of the same search settings")
    _check_note([source for source in sources if source.shards], "division", "shards of the same sequences")
    numbers = {text.partition("/")[2] for source in sources for text in source.shards}
    if len(numbers) > 1:
        found = " and of ".join(sorted(numbers))
        raise InputError("shards of one division", f"some of {found}", "merge only those that belong together")


def _check_note(sources: Sequence[Source], name: str, expected: str) -> None:
    noted = {value: source for source in sources if (value := source.note(name)) is not None}
    if len(noted) > 1:
        first, other, *_ = noted.values()
        action = "merge only those that belong together, or into another --out-dir"
        raise InputError(expected, f"others in {first.name} than in {other.name}", action)


def check_names(index: Connection, sources: Sequence[Source]) -> None:
    """Refuse one name for several sequences, which would share a folder; nothing is written before that.

    Args:
        index: the table `found` of all sources.

    Raises:
        InputError: a name that means different sequences.
    """
    query = (
        "SELECT name, min(source) AS first, max(source) AS last FROM found WHERE sequence != '' GROUP BY name "
        "HAVING count(DISTINCT sequence) > 1"
    )
    differing = index.execute(query).fetchall()
    if differing:
        row, more = differing[0], f" and {len(differing) - 1} more names" if len(differing) > 1 else ""
        places = f"{sources[row['first']].name} and {sources[row['last']].name}"
        action = "rename one of them in its FASTA file, or keep these batches apart"
        raise InputError("one sequence for each name", f"two for {row['name']}{more} (in {places})", action)


def missing_shards(sources: Sequence[Source]) -> list[str]:
    """Shards that no journal holds, as `I/N`; none where nothing was divided."""
    there = {text for source in sources for text in source.shards}
    number = max((int(text.partition("/")[2]) for text in there), default=0)
    return [text for index in range(1, number + 1) if (text := f"{index}/{number}") not in there]
