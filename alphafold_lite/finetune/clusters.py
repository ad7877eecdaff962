"""Related chains by sequence, so that a split puts none on both sides: linked by identity, joined to connected components."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from data_pipeline.parsers.alignment import Alignment
from data_pipeline.search.base import Query
from data_pipeline.search.embedded import Phmmer
from data_pipeline.search.sequence_database import SequenceDatabase

LEAST_COVERAGE = 0.5  # of the shorter chain
E_VALUE = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sequences:
    """Chains go by their number."""

    sequences: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(map(str, range(len(self.sequences))))

    @property
    def version(self) -> str:
        return hashlib.sha256("\n".join(self.sequences).encode()).hexdigest()


def cluster(sequences: Sequence[str], *, identity: float, threads: int = 1) -> Int[np.ndarray, "N_chain"]:
    """The cluster of each sequence, numbered in the order of their first ones.

    Two sequences are linked when phmmer aligns them (E-value below 1e-3) with at least this identity over at least half of the shorter one.
    """
    database = SequenceDatabase(_Sequences(sequences=tuple(sequences)), name="structures")
    engine = Phmmer(database, inclusion_e_value=E_VALUE, max_hits=len(sequences), threads=threads)
    leader = list(range(len(sequences)))
    for number, sequence in enumerate(sequences):
        found = engine.run(Query(name=str(number), sequence=sequence)).alignment
        for other in _linked(found, [len(s) for s in sequences], identity):
            _join(leader, number, other)
    roots = [_root(leader, number) for number in range(len(sequences))]
    names = {root: place for place, root in enumerate(dict.fromkeys(roots))}
    return np.array([names[root] for root in roots], np.int64)


def _linked(found: Alignment, lengths: Sequence[int], identity: float) -> list[int]:
    """Numbers of the rows that are near enough to the first row, the query."""
    rows = np.frombuffer("".join(found.sequences).encode("ascii"), np.uint8).reshape(len(found.sequences), -1)
    aligned = rows[1:] != ord("-")
    equal = (aligned & (rows[1:] == rows[0])).sum(1)
    linked: list[int] = []
    for description, pairs, same in zip(found.descriptions[1:], aligned.sum(1), equal, strict=True):
        other = int(description.rpartition("/")[0])
        shorter = min(rows.shape[1], lengths[other])
        if pairs >= LEAST_COVERAGE * shorter and same >= identity * pairs:
            linked.append(other)
    return linked


def _root(leader: list[int], number: int) -> int:
    while leader[number] != number:
        leader[number] = leader[leader[number]]
        number = leader[number]
    return number


def _join(leader: list[int], first: int, second: int) -> None:
    a, b = sorted((_root(leader, first), _root(leader, second)))
    leader[b] = a


def draw_validation(
    clusters: Int[np.ndarray, "N_chain"], *, share: float, rng: np.random.Generator
) -> Bool[np.ndarray, "N_chain"]:
    """Whole clusters in random order, each that still fits into this share of the chains; the smallest where none fits.

    A single cluster cannot be split: then no chain is chosen.
    """
    names, sizes = np.unique(clusters, return_counts=True)
    if len(names) < 2 or not share:
        return np.zeros(len(clusters), bool)
    room = int(share * len(clusters))
    chosen: list[int] = []
    order = rng.permutation(len(names))
    for place in order:
        if sizes[place] <= room:
            chosen.append(int(names[place]))
            room -= int(sizes[place])
    if not chosen:
        chosen.append(int(names[order[np.argmin(sizes[order])]]))
    return np.isin(clusters, chosen)
