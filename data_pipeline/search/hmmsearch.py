"""hmmsearch (HMMER 3): an alignment's profile, made by hmmbuild, against the sequences of known structures (pdb_seqres)."""

from dataclasses import dataclass
from pathlib import Path

from alphafold_lite.common.errors import InputError, TargetError
from data_pipeline.databases import Database
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.search.base import SearchRecord
from data_pipeline.search.files import QUERY_NAME, to_a3m
from data_pipeline.search.hmmsearch_output import domain_e_values, parse_hits
from data_pipeline.search.process import DAY, Finished, Program, cpu_count, private_folder, run_program
from data_pipeline.search.structure_hits import StructureHits

_HMMER = r"HMMER (\d+(?:\.\d+)+\w*)"
PROGRAM = Program(name="hmmsearch", debian="hmmer", conda="hmmer", version_pattern=_HMMER)
BUILDER = Program(name="hmmbuild", debian="hmmer", conda="hmmer", version_pattern=_HMMER)


@dataclass(frozen=True, kw_only=True, slots=True)
class HmmSearchProgram:
    """The `hmmsearch` binary on one FASTA file. Defaults: AlphaFold 2.1, `alphafold/data/tools/hmmsearch.py`."""

    target: Database
    e_value: float = (
        100.0  # reporting and inclusion, per sequence and per domain: weak hits are judged by the prefilter
    )
    filter_threshold: float = 0.1  # F1, F2 and F3
    threads: int | None = None  # None: as many as this process may use
    time_limit: float = DAY  # s, for each program

    def __post_init__(self) -> None:
        """Refuse other databases than FASTA."""
        self.target.require("fasta", PROGRAM.name)

    @property
    def name(self) -> str:
        """Short name."""
        return PROGRAM.name

    @property
    def version(self) -> str:
        """HMMER's version."""
        return PROGRAM.version()

    @property
    def options(self) -> dict[str, object]:
        """All settings."""
        return {"e_value": self.e_value, "filter_threshold": self.filter_threshold}

    def search(self, alignment: Alignment) -> StructureHits:
        """Search with the alignment of one query: each of the query's residues becomes a column of the profile.

        Raises:
            MissingResourceError: no such program.
            TargetError: it failed, ran too long or left something unreadable.
        """
        version = self.version
        with private_folder() as folder:
            built = self._build(alignment, folder)
            finished = run_program(PROGRAM, self._arguments(folder), time_limit=self.time_limit)
            text = _read(folder / "hits.sto")
            table = _read(folder / "domains.txt")
        try:
            hits = parse_hits(text, alignment.sequences[0])
            e_values = domain_e_values(table, hits)
        except InputError as error:
            action = "run it again or search templates elsewhere"
            raise TargetError(f"hits from {PROGRAM.name}", str(error), action) from error
        return StructureHits(
            hits=hits,
            e_values=e_values,
            text=text,
            record=SearchRecord(
                engine=self.name,
                version=version,
                database=self.target.name,
                database_version=self.target.version,
                seconds=built.seconds + finished.seconds,
                command=finished.argv,
                num_hits=len(hits),
                options=self.options,
            ),
        )

    def _build(self, alignment: Alignment, folder: Path) -> Finished:
        rows = folder / "query.a2m"
        rows.write_text(to_a3m(alignment), "ascii")
        # A2M's capitals become the reference annotation, which --hand then follows
        options = ("--informat", "a2m", "--hand", "--amino", "-n", QUERY_NAME, "-o", "/dev/null")
        return run_program(BUILDER, (*options, folder / "query.hmm", rows), time_limit=self.time_limit)

    def _arguments(self, folder: Path) -> list[str | Path]:
        arguments: list[str | Path] = ["-o", "/dev/null", "--noali", "--cpu", str(self.threads or cpu_count())]
        for option in ("--F1", "--F2", "--F3"):
            arguments += [option, f"{self.filter_threshold:g}"]
        for option in ("-E", "--incE", "--domE", "--incdomE"):
            arguments += [option, f"{self.e_value:g}"]
        return [
            *arguments,
            "-A",
            folder / "hits.sto",
            "--domtblout",
            folder / "domains.txt",
            folder / "query.hmm",
            self.target.path,
        ]


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError as error:
        reason = error.strerror or str(error)
        raise TargetError(f"output of {PROGRAM.name}", reason, "run it again or search templates elsewhere") from error
