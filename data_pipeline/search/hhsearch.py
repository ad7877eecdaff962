"""HHsearch (HH-suite 3): an alignment's profile against the profiles of known structures (PDB70 and databases like it)."""

import re
from dataclasses import dataclass
from pathlib import Path

from alphafold_lite.common.errors import InputError, TargetError
from data_pipeline.databases import Database
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.parsers.hhr import TemplateHit, parse_hhr
from data_pipeline.search.base import SearchRecord
from data_pipeline.search.files import to_a3m
from data_pipeline.search.process import DAY, Program, cpu_count, private_folder, run_program
from data_pipeline.search.structure_hits import StructureHits

PROGRAM = Program(name="hhsearch", debian="hhsuite", conda="hhsuite", version_pattern=r"HHsearch (\d+(?:\.\d+)+)")
_E_VALUE = re.compile(r"(?m)^Probab=\S+ +E-value=(\S+)")
_MAX_SEQUENCES = 1_000_000  # AlphaFold 2, alphafold/data/tools/hhsearch.py


@dataclass(frozen=True, kw_only=True, slots=True)
class HHsearch:
    """The `hhsearch` binary on one or more HH-suite databases of structures."""

    targets: tuple[Database, ...]
    threads: int | None = None  # None: as many as this process may use
    time_limit: float = DAY  # s, per query

    def __post_init__(self) -> None:
        """Refuse other databases than HH-suite's, or none."""
        if not self.targets:
            raise InputError("a database for hhsearch", "none", "name one with --templates or --data-dir")
        for target in self.targets:
            target.require("hhsuite", PROGRAM.name)

    @property
    def name(self) -> str:
        """Short name."""
        return PROGRAM.name

    @property
    def version(self) -> str:
        """HH-suite's version."""
        return PROGRAM.version()

    @property
    def options(self) -> dict[str, object]:
        """All settings."""
        return {"max_sequences": _MAX_SEQUENCES}

    def search(self, alignment: Alignment) -> StructureHits:
        """Search with the alignment of one query (its first row; the query alone will do).

        Raises:
            MissingResourceError: no such program.
            TargetError: it failed, ran too long or left something unreadable.
        """
        version = self.version
        with private_folder() as folder:
            query, output = folder / "query.a3m", folder / "hits.hhr"
            query.write_text(to_a3m(alignment), "ascii")
            finished = run_program(PROGRAM, self._arguments(query, output), time_limit=self.time_limit)
            text, hits, e_values = _read(output)
        return StructureHits(
            hits=hits,
            e_values=e_values,
            text=text,
            record=SearchRecord(
                engine=self.name,
                version=version,
                database="+".join(target.name for target in self.targets),
                database_version="+".join(target.version for target in self.targets),
                seconds=finished.seconds,
                command=finished.argv,
                num_hits=len(hits),
                options=self.options,
            ),
        )

    def _arguments(self, query: Path, output: Path) -> list[str | Path]:
        threads = self.threads or cpu_count()
        arguments: list[str | Path] = ["-i", query, "-o", output, "-v", "1", "-cpu", str(threads)]
        arguments += ["-maxseq", str(_MAX_SEQUENCES)]
        for target in self.targets:
            arguments += ["-d", target.path]
        return arguments


def _read(path: Path) -> tuple[str, tuple[TemplateHit, ...], tuple[float, ...]]:
    try:
        text = path.read_text("utf-8", "replace")
        hits = parse_hhr(text, source=PROGRAM.name)
        e_values = tuple(float(value) for value in _E_VALUE.findall(text))
    except (InputError, OSError, ValueError) as error:
        raise TargetError(
            f"hits from {PROGRAM.name}", str(error), "run it again or search templates elsewhere"
        ) from error
    if len(e_values) != len(hits):
        found = f"{len(e_values)} E-values for {len(hits)} hits"
        raise TargetError(f"complete hits from {PROGRAM.name}", found, "run it again or search templates elsewhere")
    return text, hits, e_values
