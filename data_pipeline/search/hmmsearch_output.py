"""What hmmsearch leaves (Stockholm alignment of hits and table of domains) to template hits on the query's residues."""

import re
from dataclasses import dataclass, field

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.hhr import TemplateHit
from data_pipeline.parsers.text import quote

_ROW_NAME = re.compile(r"(?:\d+\|)?(\S+)/(\d+)-(\d+)")  # HMMER numbers names that occur twice
_SUBSEQUENCE = "[subseq from] "
_MATCH = "x"  # in the RF line: a column of the profile
_GAPS = frozenset("-.~")
_NO_RESIDUE = -1
_DOMAIN_COLUMNS = 22  # of --domtblout before the description (HMMER User's Guide, "Tabular output formats")
_I_EVALUE, _ALI_FROM, _ALI_TO = 12, 17, 18
_CERTAIN = 0.975  # posterior probability that PP's `*` stands for: 0.95 to 1


@dataclass(kw_only=True, slots=True)
class _Rows:
    """The text by row, pieces of blocks joined."""

    letters: dict[str, str] = field(default_factory=dict[str, str])
    posteriors: dict[str, str] = field(default_factory=dict[str, str])
    titles: dict[str, str] = field(default_factory=dict[str, str])
    reference: str = ""


def parse_hits(stockholm: str, query: str) -> tuple[TemplateHit, ...]:
    """Hits in file order, which is best first. The profile's columns must be the query's residues, one by one; empty text means no hit.

    Expected posteriors are summed as `sum_probs`, the counterpart of HHsearch's.

    Raises:
        InputError: text that is no such alignment, or columns that do not fit the query.
    """
    if not stockholm.strip():
        return ()
    rows = _collect(stockholm)
    num_columns = rows.reference.count(_MATCH)
    if num_columns != len(query):
        raise InputError(f"{len(query)} profile columns from hmmsearch", str(num_columns), "build the profile by hand")
    return tuple(_hit(index, name, rows, query) for index, name in enumerate(rows.letters, start=1))


def domain_e_values(table: str, hits: tuple[TemplateHit, ...]) -> tuple[float, ...]:
    """The independent E-value of each hit's domain, from `--domtblout`.

    Raises:
        InputError: a hit that the table does not have, or a damaged line.
    """
    values: dict[tuple[str, int, int], float] = {}
    for line in table.split("\n"):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split(maxsplit=_DOMAIN_COLUMNS)
        try:
            values[fields[0], int(fields[_ALI_FROM]), int(fields[_ALI_TO])] = float(fields[_I_EVALUE])
        except (IndexError, ValueError) as error:
            raise InputError("a table of domains from hmmsearch", quote(line), "run it again") from error
    found: list[float] = []
    for hit in hits:
        residues = [residue + 1 for residue in hit.indices_hit if residue != _NO_RESIDUE]
        key = (hit.name.split(maxsplit=1)[0], residues[0], residues[-1])
        if key not in values:
            raise InputError(
                f"{key[0]}/{key[1]}-{key[2]} in hmmsearch's table of domains", "no such line", "run it again"
            )
        found.append(values[key])
    return tuple(found)


def _collect(text: str) -> _Rows:
    rows = _Rows()
    for line in text.split("\n"):
        fields = line.split(maxsplit=3)
        if line.startswith("#=GS") and len(fields) == 4 and fields[2] == "DE":
            rows.titles[fields[1]] = fields[3].removeprefix(_SUBSEQUENCE)
        elif line.startswith("#=GR") and len(fields) == 4 and fields[2] == "PP":
            rows.posteriors[fields[1]] = rows.posteriors.get(fields[1], "") + fields[3]
        elif line.startswith("#=GC") and len(fields) == 3 and fields[1] == "RF":
            rows.reference += fields[2]
        elif fields and not line.startswith(("#", "//")):
            if len(fields) != 2:
                raise InputError("rows of a name and letters from hmmsearch", quote(line), "run it again")
            rows.letters[fields[0]] = rows.letters.get(fields[0], "") + fields[1]
    return rows


def _hit(index: int, name: str, rows: _Rows, query: str) -> TemplateHit:
    match, letters = _ROW_NAME.fullmatch(name), rows.letters[name]
    posteriors = rows.posteriors.get(name, "." * len(letters))
    if match is None or not len(letters) == len(rows.reference) == len(posteriors):
        raise InputError("complete rows NAME/FROM-TO from hmmsearch", quote(name), "run it again")
    columns: list[tuple[int, int, str, str]] = []  # query residue, hit residue, query letter, hit letter
    query_residue, hit_residue, num_aligned, sum_probs = 0, int(match[2]) - 1, 0, 0.0
    for letter, kind, posterior in zip(letters, rows.reference, posteriors, strict=True):
        is_match, is_gap = kind == _MATCH, letter in _GAPS
        if is_match or not is_gap:
            columns.append(
                (
                    query_residue if is_match else _NO_RESIDUE,
                    _NO_RESIDUE if is_gap else hit_residue,
                    query[query_residue] if is_match else "-",
                    "-" if is_gap else letter.upper(),
                )
            )
        if is_match and not is_gap:
            num_aligned += 1
            sum_probs += _probability(posterior)
        query_residue += is_match
        hit_residue += not is_gap
    if hit_residue != int(match[3]) or not num_aligned:
        raise InputError(f"residues {match[2]} to {match[3]} in the row {quote(name)}", "others", "run it again")
    columns = _without_empty_ends(columns)
    return TemplateHit(
        index=index,
        name=f"{match[1]} {rows.titles.get(name, '')}".strip(),
        aligned_cols=num_aligned,
        sum_probs=sum_probs,
        query="".join(column[2] for column in columns),
        hit_sequence="".join(column[3] for column in columns),
        indices_query=tuple(column[0] for column in columns),
        indices_hit=tuple(column[1] for column in columns),
    )


def _without_empty_ends(columns: list[tuple[int, int, str, str]]) -> list[tuple[int, int, str, str]]:
    filled = [place for place, column in enumerate(columns) if column[1] != _NO_RESIDUE]
    return columns[filled[0] : filled[-1] + 1]


def _probability(posterior: str) -> float:
    if posterior == "*":
        return _CERTAIN
    return int(posterior) / 10 if posterior.isdecimal() else 0.0
