from itertools import combinations, pairwise

import numpy as np
import pytest

from data_pipeline.search import pair_probabilities as module
from data_pipeline.search.pair_probabilities import most_accurate_pairs, pair_probabilities

OPEN, EXTEND = 2.0, 0.5


def _all_alignments(num_res: int, num_chain: int):
    """Every increasing set of pairs."""
    for size in range(min(num_res, num_chain) + 1):
        for rows in combinations(range(num_res), size):
            for columns in combinations(range(num_chain), size):
                yield list(zip(rows, columns, strict=True))


def _bits(pairs, scores) -> float | None:
    """Score of one alignment; None where both sides skip residues between two pairs, which is no alignment here."""
    total = float(sum(scores[pair] for pair in pairs))
    for (i, j), (k, m) in pairwise(pairs):
        skipped = (k - i - 1, m - j - 1)
        if min(skipped) > 0:
            return None
        if max(skipped) > 0:
            total -= OPEN + EXTEND * (max(skipped) - 1)
    return total


def test_probabilities_are_those_of_all_alignments_counted_one_by_one():
    scores = np.random.default_rng(0).normal(0.3, 1.5, (5, 6))
    expected, everything = np.zeros_like(scores), 0.0
    for pairs in _all_alignments(*scores.shape):
        bits = _bits(pairs, scores)
        if bits is not None:
            everything += 2.0**bits
            for pair in pairs:
                expected[pair] += 2.0**bits
    found = pair_probabilities(scores, gap_open=OPEN, gap_extend=EXTEND)
    np.testing.assert_allclose(found, expected / everything, rtol=1e-9)
    assert found.max() > 0.3


def test_the_pairs_are_the_best_of_all_alignments(monkeypatch):
    monkeypatch.setattr(module, "LEAST_PROBABILITY", 0.3)
    rng = np.random.default_rng(1)
    for _ in range(5):
        probabilities = rng.random((5, 4)) ** 2
        best = max(sum(probabilities[p] - 0.3 for p in pairs) for pairs in _all_alignments(5, 4))
        rows, columns = most_accurate_pairs(probabilities)
        assert (np.diff(rows) > 0).all() and (np.diff(columns) > 0).all()
        assert (probabilities[rows, columns] - 0.3).sum() == pytest.approx(best) and best > 0
    assert all(len(index) == 0 for index in most_accurate_pairs(np.full((3, 4), 0.2)))


def test_long_scores_neither_overflow_nor_vanish():
    scores = np.full((1500, 1600), -3.0)
    np.fill_diagonal(scores, 4.0)  # 6,000 bits
    np.fill_diagonal(scores[:, 100:], 4.0)  # and once more
    found = pair_probabilities(scores, gap_open=5.0, gap_extend=0.5)
    assert np.isfinite(found).all() and 0.3 < found[700, 700] < 0.7
    assert found[700, 700] + found[700, 800] == pytest.approx(1.0, abs=1e-3)


def test_a_long_gap_of_either_side_is_crossed():
    scores = np.full((80, 380), -5.0)
    scores[range(40), range(40)] = 4.0
    scores[range(40, 80), range(240, 280)] = 4.0  # 200 residues of the chain between: 104.5 of 160 bits
    for these in (scores, scores.T.copy()):
        query, chain = most_accurate_pairs(pair_probabilities(these, gap_open=5.0, gap_extend=0.5))
        assert len(query) == 80 and sorted((chain - query).tolist()) in ([0] * 40 + [200] * 40, [-200] * 40 + [0] * 40)
