"""MMseqs2: fast search, from the second iteration on with the profile of what was found."""

from dataclasses import asdict, dataclass
from pathlib import Path

from alphafold_lite.common.errors import InputError
from data_pipeline.databases import Database
from data_pipeline.parsers.a3m import parse_a3m
from data_pipeline.search.base import Query, SearchResult, as_search_result
from data_pipeline.search.files import read_result, write_query
from data_pipeline.search.process import DAY, Finished, Program, cpu_count, private_folder, run_program

PROGRAM = Program(
    name="mmseqs",
    debian="mmseqs2",
    conda="mmseqs2",
    version_argv=("version",),
    version_pattern=r"(?m)^\s*([0-9a-zA-Z][\w.+-]*)\s*$",  # a release, or the commit it was built from
)
_A3M_FORMAT = "5"  # of `result2msa --msa-format-mode`
_QUIET = ("-v", "1")


@dataclass(frozen=True, kw_only=True, slots=True)
class MMseqs2Settings:
    """What decides the result."""

    iterations: int = 3
    e_value: float = 1e-3  # of listed hits and of those that enter the profile
    sensitivity: float = 7.5  # -s; the program's most sensitive recommended setting
    max_hits: int = 10_000  # that may pass the prefilter
    kmer_length: int = 0  # of the prefilter; 0: by the size of the database (5 starts much faster on small ones)


@dataclass(frozen=True, kw_only=True, slots=True)
class MMseqs2:
    """The `mmseqs` binary on an MMseqs2 database, or on a FASTA file, which is then converted for each query: fine below some 100 MB."""

    target: Database
    settings: MMseqs2Settings = MMseqs2Settings()
    threads: int | None = None  # None: as many as this process may use
    time_limit: float = DAY  # s, for each of the steps

    def __post_init__(self) -> None:
        """Refuse what mmseqs cannot read."""
        if self.target.kind != "fasta":
            self.target.require("mmseqs2", PROGRAM.name)
        if self.settings.iterations < 1:
            raise InputError("at least one iteration of mmseqs2", str(self.settings.iterations), "give 1 or more")

    @property
    def name(self) -> str:
        """As `--msa-mode` takes it."""
        return "mmseqs2"

    @property
    def version(self) -> str:
        """MMseqs2's version."""
        return PROGRAM.version()

    @property
    def database(self) -> str:
        """The database's name."""
        return self.target.name

    @property
    def database_version(self) -> str:
        """Changes with the database's files."""
        return self.target.version

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
            steps = self._search(query, folder)
            output = folder / "unpacked" / "0.a3m"  # named by the query's number
            alignment = read_result(output, self.name, lambda text: parse_a3m(text, source=self.name), query)
        searching = max(steps, key=lambda step: step.argv[1] == "search")
        return as_search_result(
            self, alignment, version=version, seconds=sum(step.seconds for step in steps), command=searching.argv
        )

    def _search(self, query: Query, folder: Path) -> list[Finished]:
        """All steps from the query's FASTA to `unpacked/0.a3m`."""
        fasta, target = write_query(query, folder), self.target.path
        query_db, hits, rows = folder / "query", folder / "hits", folder / "rows"
        threads = ("--threads", str(self.threads or cpu_count()))
        steps = [self._step("createdb", fasta, query_db)]
        if self.target.kind == "fasta":
            target = folder / "target"
            steps.append(self._step("createdb", self.target.path, target))
        options = self._search_options()
        # -a: keep the alignments to the profile; result2msa would otherwise align anew with the bare query
        steps.append(self._step("search", query_db, target, hits, folder / "steps", "-a", "1", *options, *threads))
        steps.append(
            self._step("result2msa", query_db, target, hits, rows, "--msa-format-mode", _A3M_FORMAT, "--threads", "1")
        )
        unpacking = ("--unpack-name-mode", "0", "--unpack-suffix", ".a3m", "--threads", "1")
        steps.append(self._step("unpackdb", rows, folder / "unpacked", *unpacking))
        return steps

    def _search_options(self) -> tuple[str, ...]:
        settings = self.settings
        threshold = f"{settings.e_value:g}"
        return (
            *("--num-iterations", str(settings.iterations), "-s", f"{settings.sensitivity:g}"),
            *("-e", threshold, "--e-profile", threshold, "--max-seqs", str(settings.max_hits)),
            *("-k", str(settings.kmer_length)),
        )

    def _step(self, command: str, *arguments: str | Path) -> Finished:
        return run_program(PROGRAM, (command, *arguments, *_QUIET), time_limit=self.time_limit)
