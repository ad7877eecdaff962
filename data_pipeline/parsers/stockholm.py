"""Stockholm 1.0, as jackhmmer and hmmsearch write it: columns where the first row has a gap are deletions."""

import string

import numpy as np

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.alignment import Alignment, count_deletions
from data_pipeline.parsers.text import describe, quote

_GAP = ord("-")
_INVALID = 0
_CAPITAL = np.full(256, _INVALID, np.uint8)  # letters to capitals, every gap character to '-'
for _letter in string.ascii_letters:
    _CAPITAL[ord(_letter)] = ord(_letter.upper())
_CAPITAL[list(b"-.~_")] = _GAP


def parse_stockholm(text: str, *, source: str = "the Stockholm text") -> Alignment:
    """Parse one alignment, in one block or several, whose first row is the query. Annotation lines are passed over.

    Raises:
        InputError: no `# STOCKHOLM` line, no row, no final `//`, more than one alignment, rows of different length, or a letter that
            does not belong.
    """
    rows = _collect(text, source)
    names = tuple(rows)
    length = len(rows[names[0]])
    codes = np.empty((len(names), length), np.uint8)
    for number, (name, row) in enumerate(rows.items(), start=1):
        if len(row) != length:
            found = f"{len(row)} in row {number} ({quote(name)})"
            raise InputError(
                f"{length} columns in every row of {source}", found, "fetch the complete file or correct that row"
            )
        codes[number - 1] = _capitals(row, number, source)
    is_column = codes[0] != _GAP
    if not is_column.any():
        raise InputError(f"a query as the first row of {source}", "only gaps", "give the query as the first row")
    return Alignment(
        sequences=tuple(row[is_column].tobytes().decode("ascii") for row in codes),
        deletion_matrix=np.stack([count_deletions(is_column, ~is_column & (row != _GAP)) for row in codes]),
        descriptions=names,
        source=source,
    )


def _collect(text: str, source: str) -> dict[str, str]:
    """Row name to the row's pieces joined over all blocks."""
    pieces: dict[str, list[str]] = {}
    header = ended = False
    for number, line in enumerate(text.split("\n"), start=1):
        fields = line.split()
        if not fields:
            continue
        if fields[0].startswith("#"):
            header = header or fields[:2] == ["#", "STOCKHOLM"]
            continue
        if not header:
            raise InputError(
                f"'# STOCKHOLM 1.0' at the top of {source}",
                quote(line),
                "give a Stockholm file, or use its real ending",
            )
        if ended:
            raise InputError(f"one alignment in {source}", f"more text after '//' in line {number}", "split the file")
        if fields == ["//"]:
            ended = True
        elif len(fields) != 2:
            raise InputError(
                f"a name and a piece of row in line {number} of {source}", quote(line), "correct that line"
            )
        else:
            pieces.setdefault(fields[0], []).append(fields[1])
    if not pieces:
        raise InputError(f"at least one row in {source}", "none", "check the file")
    if not ended:
        raise InputError(f"'//' at the end of {source}", "the end of the file", "fetch the complete file")
    return {name: "".join(parts) for name, parts in pieces.items()}


def _capitals(row: str, number: int, source: str) -> np.ndarray:
    capitals = _CAPITAL[np.frombuffer(row.encode("ascii", "replace"), np.uint8)]
    invalid = np.flatnonzero(capitals == _INVALID)
    if invalid.size:
        position = int(invalid[0])
        found = f"{describe(row[position])} at column {position + 1} of row {number}"
        raise InputError(f"residue letters and gaps in {source}", found, "correct or remove that row")
    return capitals
