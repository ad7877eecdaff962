"""Rows of an alignment as HMMER writes them, over the residues of the query."""

from collections.abc import Iterator, Sequence

import numpy as np

from data_pipeline.parsers.alignment import Alignment
from data_pipeline.search.base import Query


def in_query_columns(query: Query, rows: Sequence[str], names: Sequence[str], source: str) -> Alignment:
    """The alignment over the residues of its first row, the query; what stands between them is counted as deleted."""
    codes = np.stack(list(_letter_codes(rows)))
    is_residue = codes != ord("-")
    is_column = is_residue[0]
    deleted_so_far = np.cumsum(is_residue & ~is_column, axis=1, dtype=np.int32)[:, is_column]
    kept = codes[:, is_column]
    return Alignment(
        sequences=tuple(row.tobytes().decode("ascii") for row in kept),
        deletion_matrix=np.diff(deleted_so_far, axis=1, prepend=np.int32(0)),
        descriptions=(query.name, *names[1:]),
        source=source,
    )


def _letter_codes(rows: Sequence[str]) -> Iterator[np.ndarray]:
    table = np.arange(256, dtype=np.uint8)
    table[list(b"~.")] = ord("-")
    table[ord("*")] = ord("X")
    for row in rows:
        yield table[np.frombuffer(row.upper().encode("ascii"), np.uint8)]
