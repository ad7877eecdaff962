"""HHR, the result list of HHsearch and HHblits: which known structures align where."""

import re
from dataclasses import dataclass, field

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.text import quote

_BLOCK = re.compile(r"^No +(\d+) *$")
_SCORE = re.compile(r"(\S+?)=(\S+)")
_ROW = re.compile(
    r"^[QT] .{14} +(\d+) ([A-Za-z-]+) +(\d+) \(\d+\) *$"
)  # name padded to 14, first residue, letters, last residue
_NO_SEQUENCE = ("ss_dssp", "ss_pred", "Consensus")
_GAP = "-"
_NO_RESIDUE = -1


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateHit:
    """One alignment of the query with a chain of known structure. Residues are counted from 0; -1 stands for a gap."""

    index: int  # number in the list, from 1
    name: str  # the whole header: entry, chain and title
    aligned_cols: int
    sum_probs: float
    query: str  # aligned letters, '-' for gaps
    hit_sequence: str
    indices_query: tuple[int, ...]
    indices_hit: tuple[int, ...]


def parse_hhr(text: str, *, source: str = "the HHR text") -> tuple[TemplateHit, ...]:
    """Parse every hit that comes with an alignment, in file order; an empty list of hits is no error.

    Raises:
        InputError: this is no HHR text, or a hit is incomplete or contradicts itself.
    """
    lines = text.split("\n")
    if not lines[0].startswith("Query"):
        raise InputError(f"HHsearch results in {source}", quote(lines[0]), "give the .hhr file that hhsearch wrote")
    starts = [number for number, line in enumerate(lines) if _BLOCK.match(line)]
    ends = [*starts[1:], len(lines)]
    return tuple(_parse_hit(lines[start:end], source) for start, end in zip(starts, ends, strict=False))


@dataclass(kw_only=True, slots=True)
class _Strand:
    """One side of an alignment as it grows from piece to piece."""

    letters: list[str] = field(default_factory=list[str])
    indices: list[int] = field(default_factory=list[int])

    def extend(self, first: int, piece: str, last: int) -> bool:
        """Add a piece; False where its numbers and its letters disagree (a piece of gaps alone has no last residue)."""
        residue = first - 1
        for letter in piece:
            self.indices.append(_NO_RESIDUE if letter == _GAP else residue)
            residue += letter != _GAP
        self.letters.append(piece.upper())
        return residue in (last, first - 1)


def _parse_hit(lines: list[str], source: str) -> TemplateHit:
    index = int(lines[0].split()[1])
    scores = dict(_SCORE.findall(lines[2])) if len(lines) > 2 else {}
    if not {"Aligned_cols", "Sum_probs"} <= scores.keys() or not lines[1].startswith(">"):
        raise _damaged(index, "no name or scores", source)
    try:
        aligned_cols, sum_probs = int(scores["Aligned_cols"]), float(scores["Sum_probs"])
    except ValueError as error:
        raise _damaged(index, f"scores that are no numbers ({error})", source) from error
    strands = {"Q": _Strand(), "T": _Strand()}
    for line in lines[3:]:
        if line[:2] not in ("Q ", "T ") or line[2:].startswith(_NO_SEQUENCE):
            continue
        row = _ROW.match(line)
        if row is None or not strands[line[0]].extend(int(row[1]), row[2], int(row[3])):
            raise _damaged(index, f"the row {quote(line)}", source)
    query, hit = strands["Q"], strands["T"]
    num_aligned = sum(q != _NO_RESIDUE and t != _NO_RESIDUE for q, t in zip(query.indices, hit.indices, strict=False))
    if len(query.indices) != len(hit.indices) or num_aligned < aligned_cols:
        raise _damaged(index, f"{num_aligned} aligned columns", source)
    return TemplateHit(
        index=index,
        name=lines[1][1:],
        aligned_cols=aligned_cols,
        sum_probs=sum_probs,
        query="".join(query.letters),
        hit_sequence="".join(hit.letters),
        indices_query=tuple(query.indices),
        indices_hit=tuple(hit.indices),
    )


def _damaged(index: int, found: str, source: str) -> InputError:
    return InputError(f"a complete alignment of hit {index} in {source}", found, "fetch or compute the file again")
