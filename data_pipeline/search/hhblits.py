"""HHblits (HH-suite 3): iterated search of databases of clustered alignments, profile against profile."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from alphafold_lite.common.errors import InputError
from data_pipeline.databases import Database
from data_pipeline.parsers.a3m import parse_a3m
from data_pipeline.search.base import Query, SearchResult, as_search_result
from data_pipeline.search.files import read_result, write_query
from data_pipeline.search.process import DAY, Program, cpu_count, private_folder, run_program

PROGRAM = Program(name="hhblits", debian="hhsuite", conda="hhsuite", version_pattern=r"HHblits (\d+(?:\.\d+)+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class HHblitsSettings:
    """What decides the result. Defaults: AlphaFold 2, `alphafold/data/tools/hhblits.py`."""

    iterations: int = 3
    e_value: float = 1e-3
    max_sequences: int = 1_000_000
    realign_max: int = 100_000
    max_filter: int = 100_000  # hits that may pass the second prefilter
    min_prefilter_hits: int = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class HHblits:
    """The `hhblits` binary on one or more HH-suite databases, searched together."""

    targets: tuple[Database, ...]
    settings: HHblitsSettings = HHblitsSettings()
    threads: int | None = None  # None: as many as this process may use
    time_limit: float = DAY  # s, per query

    def __post_init__(self) -> None:
        """Refuse other databases than HH-suite's, or none."""
        if not self.targets:
            raise InputError("a database for hhblits", "none", "name one with --database or --data-dir")
        for target in self.targets:
            target.require("hhsuite", PROGRAM.name)

    @property
    def name(self) -> str:
        """As `--msa-mode` takes it."""
        return PROGRAM.name

    @property
    def version(self) -> str:
        """HH-suite's version."""
        return PROGRAM.version()

    @property
    def database(self) -> str:
        """The databases' names."""
        return "+".join(target.name for target in self.targets)

    @property
    def database_version(self) -> str:
        """Changes with any file of any database."""
        return "+".join(target.version for target in self.targets)

    @property
    def options(self) -> dict[str, object]:
        """All settings."""
        return asdict(self.settings)

    def run(self, query: Query) -> SearchResult:
        """Search with one query.

        Raises:
            MissingResourceError: no such program.
            TargetError: it failed, ran too long or left something unreadable.
        """
        version = self.version
        with private_folder() as folder:
            output = folder / "hits.a3m"
            arguments = [
                "-i",
                write_query(query, folder),
                "-oa3m",
                output,
                "-o",
                folder / "hits.hhr",
                *self._arguments(),
            ]
            finished = run_program(PROGRAM, arguments, time_limit=self.time_limit)
            alignment = read_result(output, PROGRAM.name, lambda text: parse_a3m(text, source=PROGRAM.name), query)
        return as_search_result(self, alignment, version=version, seconds=finished.seconds, command=finished.argv)

    def _arguments(self) -> list[str | Path]:
        settings = self.settings
        values: Sequence[tuple[str, object]] = (
            ("-cpu", self.threads or cpu_count()),
            ("-v", 1),
            ("-n", settings.iterations),
            ("-e", f"{settings.e_value:g}"),
            ("-maxseq", settings.max_sequences),
            ("-realign_max", settings.realign_max),
            ("-maxfilt", settings.max_filter),
            ("-min_prefilter_hits", settings.min_prefilter_hits),
            *(("-d", target.path) for target in self.targets),
        )
        return [part for option, value in values for part in (option, str(value))]
