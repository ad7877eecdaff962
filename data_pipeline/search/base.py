"""What every search engine takes and gives, whatever program does the work."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from alphafold_lite.common.errors import InputError
from alphafold_lite.common.residue_constants import restypes_with_x
from data_pipeline.parsers.alignment import Alignment

_LETTERS = frozenset(restypes_with_x)


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """One chain to be searched with.

    Raises:
        InputError: no residue, or a letter that is neither one of the 20 residues nor X.
    """

    name: str
    sequence: str  # 20 letters and X

    def __post_init__(self) -> None:
        """Refuse what no engine can search with."""
        foreign = sorted(set(self.sequence) - _LETTERS)
        if foreign or not self.sequence:
            found = f"the letters {' '.join(foreign)!r}" if foreign else "an empty sequence"
            raise InputError("a query of the 20 residue letters and X", found, "correct the sequence")


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchRecord:
    """How a search was done: enough to do it again and to know what it was compared with."""

    engine: str
    version: str
    database: str
    database_version: str
    seconds: float  # wall time
    command: tuple[str, ...]  # argv of a program, or a description in words
    num_hits: int  # rows of the alignment below the query
    options: dict[str, object]
    from_cache: bool = False  # taken from the search cache, which keeps the record of the search itself

    def to_json_dict(self) -> dict[str, Any]:
        """The record as JSON can hold it."""
        return {
            "engine": self.engine,
            "version": self.version,
            "database": self.database,
            "database_version": self.database_version,
            "seconds": round(self.seconds, 3),
            "command": list(self.command),
            "num_hits": self.num_hits,
            "options": dict(self.options),
            "from_cache": self.from_cache,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult:
    """An alignment whose row 0 is the query, and how it came about."""

    alignment: Alignment
    record: SearchRecord


@runtime_checkable
class Engine(Protocol):
    """One way of finding relatives of a query in one database."""

    @property
    def name(self) -> str:
        """Short name, as `--msa-mode` takes it."""
        ...

    @property
    def version(self) -> str:
        """Version of the program or library that searches."""
        ...

    @property
    def database(self) -> str:
        """Name of the database, for people."""
        ...

    @property
    def database_version(self) -> str:
        """What changes when the database's content does: part of cache keys."""
        ...

    @property
    def options(self) -> dict[str, object]:
        """Every setting that changes the result, as JSON can hold it: part of cache keys."""
        ...

    def run(self, query: Query) -> SearchResult:
        """Search with one query.

        Raises:
            TargetError: the search failed for this query; others may succeed.
            MissingResourceError: the program or the database is not there.
        """
        ...


def as_search_result(
    engine: Engine, alignment: Alignment, *, version: str, seconds: float, command: tuple[str, ...]
) -> SearchResult:
    """An engine's alignment with the record of how it was made; `version` as it was before the search."""
    record = SearchRecord(
        engine=engine.name,
        version=version,
        database=engine.database,
        database_version=engine.database_version,
        seconds=seconds,
        command=command,
        num_hits=len(alignment.sequences) - 1,
        options=engine.options,
    )
    return SearchResult(alignment=alignment, record=record)
