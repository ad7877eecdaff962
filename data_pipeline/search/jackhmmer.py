"""jackhmmer (HMMER 3): iterated profile search of a FASTA database."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from data_pipeline.databases import Database
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.parsers.stockholm import parse_stockholm
from data_pipeline.search.base import Query, SearchResult, as_search_result
from data_pipeline.search.files import read_result, write_query
from data_pipeline.search.process import DAY, Program, cpu_count, private_folder, run_program

PROGRAM = Program(name="jackhmmer", debian="hmmer", conda="hmmer", version_pattern=r"HMMER (\d+(?:\.\d+)+\w*)")
_UNIQUE = re.compile(r"^\d+\|")  # what HMMER puts before names that occur twice
_UNIQUE_NOTICE = "seq names have been made unique"


@dataclass(frozen=True, kw_only=True, slots=True)
class JackhmmerSettings:
    """What decides the result. Defaults: AlphaFold 2, `alphafold/data/tools/jackhmmer.py`, one iteration and early, strict filters."""

    iterations: int = 1
    e_value: float = 1e-4  # reporting and inclusion, per sequence
    domain_e_value: float | None = None  # the same per domain; None: HMMER's own (10 and 0.01)
    filters: tuple[float, float, float] | None = (5e-4, 5e-5, 5e-7)  # F1 F2 F3; None: HMMER's own
    database_size: int | None = None  # -Z, sequences that E-values count with; None: as many as there are
    max_rows: int | None = 10_000  # best rows kept below the query (AlphaFold: 10,000 of UniRef90, 501 of MGnify)


@dataclass(frozen=True, kw_only=True, slots=True)
class JackhmmerProgram:
    """The `jackhmmer` binary on one FASTA database."""

    target: Database
    settings: JackhmmerSettings = JackhmmerSettings()
    threads: int | None = None  # None: as many as this process may use
    time_limit: float = DAY  # s, per query

    def __post_init__(self) -> None:
        """Refuse other databases than FASTA."""
        self.target.require("fasta", PROGRAM.name)

    @property
    def name(self) -> str:
        """As `--msa-mode` takes it."""
        return PROGRAM.name

    @property
    def version(self) -> str:
        """HMMER's version."""
        return PROGRAM.version()

    @property
    def database(self) -> str:
        """The database's name."""
        return self.target.name

    @property
    def database_version(self) -> str:
        """Changes with the database's file."""
        return self.target.version

    @property
    def options(self) -> dict[str, object]:
        """All settings."""
        filters = self.settings.filters
        return {**asdict(self.settings), "filters": list(filters) if filters else None}

    def run(self, query: Query) -> SearchResult:
        """Search with one query.

        Raises:
            MissingResourceError: no such program.
            TargetError: it failed, ran too long or left something unreadable.
        """
        version = self.version
        with private_folder() as folder:
            output = folder / "hits.sto"
            arguments = [*self._arguments(), "-A", output, write_query(query, folder), self.target.path]
            finished = run_program(PROGRAM, arguments, time_limit=self.time_limit)
            alignment = read_result(output, PROGRAM.name, self._parse, query)
        return as_search_result(self, alignment, version=version, seconds=finished.seconds, command=finished.argv)

    def _arguments(self) -> list[str | Path]:
        settings = self.settings
        threads = self.threads or cpu_count()
        arguments: list[str | Path] = [
            "-o",
            "/dev/null",
            "--noali",
            "--cpu",
            str(threads),
            "-N",
            str(settings.iterations),
        ]
        arguments += ["-E", f"{settings.e_value:g}", "--incE", f"{settings.e_value:g}"]
        if settings.domain_e_value is not None:
            arguments += ["--domE", f"{settings.domain_e_value:g}", "--incdomE", f"{settings.domain_e_value:g}"]
        if settings.filters is not None:
            for option, value in zip(("--F1", "--F2", "--F3"), settings.filters, strict=True):
                arguments += [option, f"{value:g}"]
        if settings.database_size is not None:
            arguments += ["-Z", str(settings.database_size)]
        return arguments

    def _parse(self, text: str) -> Alignment:
        alignment = parse_stockholm(first_rows(text, self.settings.max_rows), source=PROGRAM.name)
        if _UNIQUE_NOTICE not in text[:1000]:
            return alignment
        return replace(alignment, descriptions=tuple(_UNIQUE.sub("", name) for name in alignment.descriptions))


def first_rows(text: str, max_rows: int | None) -> str:
    """The Stockholm text without annotation and with at most `max_rows` rows below the first; hits stand in it best first."""
    return "\n".join(_kept_lines(text, max_rows))


def _kept_lines(text: str, max_rows: int | None) -> Iterator[str]:
    kept: set[str] = set()
    for line in text.split("\n"):
        if line.startswith("#=G") or not line.strip():
            continue
        if line.startswith(("#", "//")):
            yield line
            continue
        name = line.split(maxsplit=1)[0]
        if name in kept or max_rows is None or len(kept) <= max_rows:
            kept.add(name)
            yield line
