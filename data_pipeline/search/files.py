"""What search programs are given and what they leave behind: the query, an alignment as A3M, and results checked against the query."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from alphafold_lite.common.errors import InputError, TargetError
from data_pipeline.parsers.a3m import a3m_text
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.parsers.text import describe
from data_pipeline.search.base import Query

QUERY_NAME = "query"  # headers never reach a program: nothing in them can be taken for an option or a path
_PYRROLYSINE = str.maketrans("O", "X")  # a letter with another meaning in A2M


def write_query(query: Query, folder: Path) -> Path:
    """A FASTA file of the query under a fixed name."""
    path = folder / "query.fasta"
    path.write_text(f">{QUERY_NAME}\n{query.sequence}\n", "ascii")
    return path


def to_a3m(alignment: Alignment) -> str:
    """The alignment as A3M (also A2M without dots), rows named by number. Which residues were inserted is not kept, how many is: each is an `x`."""
    names = (QUERY_NAME, *map(str, range(1, len(alignment.sequences))))
    rows = tuple(row.translate(_PYRROLYSINE) for row in alignment.sequences)
    return a3m_text(replace(alignment, sequences=rows, descriptions=names))


def read_result(path: Path, program: str, parse: Callable[[str], Alignment], query: Query) -> Alignment:
    """Parse a program's alignment and check that its first row is the query, which then gets its own name.

    Raises:
        TargetError: no file, text that the parser refuses, or another first row.
    """
    try:
        alignment = parse(path.read_text("utf-8", "replace"))
    except (InputError, OSError) as error:
        raise TargetError(
            f"an alignment from {program}", str(error), "run it again or leave this engine out"
        ) from error
    return as_result(alignment, program, query)


def as_result(alignment: Alignment, program: str, query: Query) -> Alignment:
    """The alignment with the query's own letters and name in row 0.

    Raises:
        TargetError: the first row is another sequence.
    """
    row = alignment.sequences[0]
    expected = f"the query ({len(query.sequence)} residues) as the first row from {program}"
    if len(row) != len(query.sequence):
        raise TargetError(expected, f"a row of {len(row)} residues", "report this")
    for position, (theirs, ours) in enumerate(zip(row, query.sequence, strict=True), start=1):
        if theirs != ours:
            raise TargetError(expected, f"{describe(theirs)} instead of {ours} at position {position}", "report this")
    return replace(alignment, descriptions=(query.name, *alignment.descriptions[1:]), source=program)
