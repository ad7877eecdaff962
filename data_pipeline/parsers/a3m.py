"""A3M: aligned columns are capitals and `-`, insertions are lower case."""

import string

import numpy as np
from jaxtyping import Int

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.alignment import Alignment, count_deletions
from data_pipeline.parsers.records import RawRecord, split_records
from data_pipeline.parsers.text import describe, quote

UNKEPT_RESIDUE = "x"  # an inserted residue: how many there are is known, their letters are not
_COLUMN, _INSERTED, _FILL, _INVALID = 0, 1, 2, 3
_KIND = np.full(256, _INVALID, np.uint8)
_KIND[list(string.ascii_uppercase.encode() + b"-")] = _COLUMN
_KIND[list(string.ascii_lowercase.encode())] = _INSERTED
_KIND[ord(".")] = _FILL  # A2M writes the gaps opposite to insertions
_ANNOTATIONS = frozenset(
    {"ss_pred", "ss_conf", "ss_dssp", "sa_dssp", "aa_dssp", "aa_pred"}
)  # HH-suite's rows that are no sequences


def parse_a3m(text: str, *, source: str = "the A3M text") -> Alignment:
    """Parse A3M text whose first row is the query. Leading `#` lines and the structure rows of HH-suite are passed over.

    Raises:
        InputError: no row, a row without columns, a row of another length than the first, or a letter that does not belong.
    """
    records = [r for r in split_records(_without_comments(text), source=source) if r.header not in _ANNOTATIONS]
    if not records:
        raise InputError(f"sequence rows in {source}", "only structure rows", "give the alignment with its query")
    rows: list[str] = []
    deletions: list[np.ndarray] = []
    for number, record in enumerate(records, start=1):
        row, row_deletions = _align(record, number, source)
        if number == 1 and not row:
            found = "only insertions (lower case)" if record.sequence else "no letters"
            raise InputError(
                f"a query row in capitals in {source}", found, "give the query as the first row, in capitals"
            )
        if rows and len(row) != len(rows[0]):
            found = f"{len(row)} in row {number} ({quote(record.header)}, line {record.line})"
            raise InputError(f"{len(rows[0])} columns in every row of {source}", found, "correct or remove that row")
        rows.append(row)
        deletions.append(row_deletions)
    return Alignment(
        sequences=tuple(rows),
        deletion_matrix=np.stack(deletions),
        descriptions=tuple(record.header for record in records),
        source=source,
    )


def _align(record: RawRecord, number: int, source: str) -> tuple[str, Int[np.ndarray, "N_res"]]:
    codes = np.frombuffer(record.sequence.encode("ascii", "replace"), np.uint8)
    kinds = _KIND[codes]
    invalid = np.flatnonzero(kinds == _INVALID)
    if invalid.size:
        position = int(invalid[0])
        found = (
            f"{describe(record.sequence[position])} at position {position + 1} of row {number} ({quote(record.header)})"
        )
        raise InputError(f"residue letters and '-' in {source}", found, "correct or remove that row")
    is_column = kinds == _COLUMN
    return codes[is_column].tobytes().decode("ascii"), count_deletions(is_column, kinds == _INSERTED)


def _without_comments(text: str) -> str:
    """Blank the `#` lines before the first header (as HH-suite and ColabFold write them), keeping line numbers."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if line.startswith("#"):
            lines[number] = ""
        elif line.strip():
            break
    return "\n".join(lines)


def a3m_text(alignment: Alignment) -> str:
    """A3M with each inserted residue as a lower-case x: columns and deletion counts survive, inserted letters do not."""
    lines: list[str] = []
    rows = zip(alignment.descriptions, alignment.sequences, alignment.deletion_matrix, strict=True)
    for description, letters, deletions in rows:
        parts = [UNKEPT_RESIDUE * int(count) + letter for letter, count in zip(letters, deletions, strict=True)]
        lines += [f">{description}", "".join(parts)]
    return "\n".join(lines) + "\n"
