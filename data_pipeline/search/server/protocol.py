"""Texts of the protocol: queries by number, alignments in blocks, template hits. Everything is checked against what was asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.a3m import parse_a3m
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.parsers.text import decode, quote
from data_pipeline.search.base import Query
from data_pipeline.search.server.errors import BadAnswerError

FIRST_NUMBER = 101
UNIREF, ENVIRONMENT, TEMPLATES = "uniref.a3m", "bfd.mgnify30.metaeuk30.smag30.a3m", "pdb70.m8"
PAIRED = "pair.a3m"
_ACTION = "report this to the server's operator"
_M8_COLUMNS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerTemplateHit:
    """A line of the server's list of template hits. Residues are counted from 1, as it does."""

    target: str  # entry and chain, "1abc_A"
    identity: float
    e_value: float
    query_range: tuple[int, int]
    target_range: tuple[int, int]


def number_sequences(queries: Sequence[Query]) -> dict[int, str]:
    """Distinct sequences by number, in the order of their first query."""
    distinct = dict.fromkeys(query.sequence for query in queries)
    return dict(enumerate(distinct, start=FIRST_NUMBER))


def to_fasta(numbered: Mapping[int, str]) -> str:
    """What is sent: numbers and sequences, no names."""
    return "".join(f">{number}\n{sequence}\n" for number, sequence in numbered.items())


def parse_blocks(data: bytes, numbered: Mapping[int, str], *, source: str) -> dict[int, Alignment]:
    """Alignments by number from A3M blocks that end with NUL.

    Raises:
        BadAnswerError: a block of no or an unknown number, a doubled one, rows that do not fit, or another query in row 0.
    """
    found: dict[int, Alignment] = {}
    for block in data.split(b"\0"):
        if not block.strip():
            continue
        try:
            alignment = parse_a3m(decode(block, source=source), source=source)
        except InputError as error:
            raise BadAnswerError(f"alignments in the server's {source}", str(error), _ACTION) from error
        name = alignment.descriptions[0].split(maxsplit=1)[:1]
        number = int(name[0]) if name and name[0].isdecimal() else 0
        if number not in numbered or number in found:
            what = "a second block" if number in found else "a block"
            raise BadAnswerError(
                f"one block a query in the server's {source}", f"{what} named {quote(str(name))}", _ACTION
            )
        if alignment.sequences[0] != numbered[number]:
            raise BadAnswerError(f"query {number} first in its block of {source}", "another sequence", _ACTION)
        found[number] = alignment
    return found


def join_alignments(first: Alignment, *others: Alignment) -> Alignment:
    """All rows; the query stands once, as row 0."""
    rows, names, deletions = [*first.sequences], [*first.descriptions], [first.deletion_matrix]
    for other in others:
        rows += other.sequences[1:]
        names += other.descriptions[1:]
        deletions.append(other.deletion_matrix[1:])
    return replace(
        first, sequences=tuple(rows), descriptions=tuple(names), deletion_matrix=np.concatenate(deletions, axis=0)
    )


def parse_template_hits(data: bytes, numbered: Mapping[int, str]) -> dict[int, tuple[ServerTemplateHit, ...]]:
    """Template hits by number from tabular lines, in file order.

    Raises:
        BadAnswerError: a line of something else.
    """
    found: dict[int, list[ServerTemplateHit]] = {number: [] for number in numbered}
    try:
        lines = decode(data.replace(b"\0", b""), source=TEMPLATES).splitlines()
    except InputError as error:
        raise BadAnswerError(f"text in the server's {TEMPLATES}", str(error), _ACTION) from error
    for line in lines:
        fields = line.split()
        if not fields:
            continue
        try:
            if len(fields) < _M8_COLUMNS:
                raise ValueError(f"{len(fields)} columns")
            hit = ServerTemplateHit(
                target=fields[1],
                identity=float(fields[2]),
                e_value=float(fields[10]),
                query_range=(int(fields[6]), int(fields[7])),
                target_range=(int(fields[8]), int(fields[9])),
            )
            found[int(fields[0])].append(hit)
        except (ValueError, KeyError) as error:
            raise BadAnswerError(f"template hits in the server's {TEMPLATES}", quote(line), _ACTION) from error
    return {number: tuple(hits) for number, hits in found.items()}
