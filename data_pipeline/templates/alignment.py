"""Pairwise alignments by Biopython's aligner, and finding a stretch in a chain."""

from functools import cache
from typing import Any, cast

import numpy as np
from Bio.Align import PairwiseAligner, substitution_matrices
from jaxtyping import Int, UInt8

GAP_OPEN, GAP_EXTEND = -11.0, -1.0  # BLAST's for BLOSUM62: the first letter of a gap costs 12
SAME_GAP_OPEN, SAME_GAP_EXTEND = -2.0, -0.1  # between two records of one sequence, where pieces may be missing
_KNOWN_LETTERS = "ACDEFGHIKLMNPQRSTVWY"
_LARGEST_PLANE = 4 * 10**8  # cells; about the most that fits into half a GB of the aligner's memory

Pairs = tuple[Int[np.ndarray, "N_pairs"], Int[np.ndarray, "N_pairs"]]


@cache
def _homology_aligner() -> PairwiseAligner:
    """Global with free ends, BLOSUM62; unknown letters cost nothing."""
    scores = cast(Any, substitution_matrices.load("BLOSUM62"))
    for letter in str(scores.alphabet):
        if letter not in _KNOWN_LETTERS:
            scores[letter, :] = scores[:, letter] = 0.0
    aligner = PairwiseAligner(mode="global", open_gap_score=GAP_OPEN, extend_gap_score=GAP_EXTEND)
    aligner.substitution_matrix = scores
    aligner.end_gap_score = 0.0
    return aligner


@cache
def _identity_aligner() -> PairwiseAligner:
    """Global with free ends; equal letters count, X goes with any."""
    aligner = PairwiseAligner(mode="global", match_score=2.0, mismatch_score=-3.0, wildcard="X")
    aligner.open_gap_score, aligner.extend_gap_score, aligner.end_gap_score = SAME_GAP_OPEN, SAME_GAP_EXTEND, 0.0
    return aligner


def align_homologues(query: str, chain: str) -> tuple[float, Pairs] | None:
    """Score and aligned pairs of two sequences of 20 letters and X; None where they are too long to be aligned."""
    return _align(_homology_aligner(), query, chain)


def align_records(old: str, new: str) -> Pairs | None:
    """Aligned pairs of two records of what should be one sequence; None where they are too long to be aligned."""
    found = _align(_identity_aligner(), old, new)
    return None if found is None else found[1]


def _align(aligner: PairwiseAligner, first: str, second: str) -> tuple[float, Pairs] | None:
    if not first or not second or len(first) * len(second) > _LARGEST_PLANE:
        return None
    alignment = cast(Any, aligner.align(first, second)[0])
    blocks = np.asarray(alignment.aligned, np.int64).reshape(2, -1, 2)
    indices = [
        np.concatenate([np.arange(0), *(np.arange(start, stop) for start, stop in side)]).astype(np.int64)
        for side in blocks
    ]
    return float(alignment.score), (indices[0], indices[1])


def find(stretch: str, chain: str, start: int) -> int | None:
    """Where a stretch occurs letter for letter: at `start` if it does there, else at its first place."""
    if chain.startswith(stretch, start):
        return start
    place = chain.find(stretch)
    return None if place < 0 else place


def find_with_unknowns(stretch: str, chain: str, start: int) -> int | None:
    """The same where X on either side goes with any letter."""
    if not 0 < len(stretch) <= len(chain):
        return None
    letters, unknown = _codes(stretch), ord("X")
    windows = np.lib.stride_tricks.sliding_window_view(_codes(chain), len(stretch))
    fits = ((windows == letters) | (windows == unknown) | (letters == unknown)).all(axis=1)
    if 0 <= start < len(fits) and fits[start]:
        return start
    places = np.flatnonzero(fits)
    return int(places[0]) if places.size else None


def _codes(letters: str) -> UInt8[np.ndarray, "N"]:
    return np.frombuffer(letters.encode("ascii", "replace"), np.uint8)
