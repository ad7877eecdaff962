import numpy as np
import pytest

from alphafold_lite.distill.confidence import (
    Reference,
    ReferenceSum,
    divergences,
    residue_confidence,
    residue_weights,
)
from alphafold_lite.distill.settings import Rules
from alphafold_lite.predict.distogram import pair_separation


def reference(*rows):
    return Reference(probabilities=np.array(rows, np.float32), num_sequences=1)


def test_divergence_by_hand():
    usual = reference([0.5, 0.5], [0.25, 0.75])
    log_p = np.log([[0.5, 0.5], [0.9, 0.1], [0.5, 0.5]])
    found = divergences(log_p, np.array([1, 1, 2]), usual)
    # 0.5 ln(0.5 / 0.9) + 0.5 ln(0.5 / 0.1) and 0.25 ln(0.25 / 0.5) + 0.75 ln(0.75 / 0.5)
    assert found == pytest.approx([0.0, 0.5108256, 0.1308120], abs=1e-6)


def test_the_reference_is_the_first_argument():
    """A reference of one bin against halves is ln 2; the other way round it would be infinite."""
    assert divergences(np.log([[0.5, 0.5]]), np.array([1]), reference([1.0, 0.0])) == pytest.approx([np.log(2)])


def test_the_reference_is_the_mean_by_separation():
    sums = ReferenceSum(3)
    sums.add(np.log([[0.2, 0.8], [0.4, 0.6], [0.1, 0.9]]), np.array([1, 1, 2]))
    sums.add(np.log([[0.6, 0.4]]), np.array([1]))
    found = sums.reference()
    assert found.num_sequences == 2
    assert found.probabilities == pytest.approx(np.array([[0.4, 0.6], [0.1, 0.9], [0.0, 0.0]]), abs=1e-6)


def test_no_sequence_makes_no_reference():
    with pytest.raises(ValueError, match="no sequence"):
        ReferenceSum(3).reference()


def test_a_sequence_that_is_the_reference_says_nothing():
    log_p = np.log(np.random.default_rng(0).dirichlet(np.ones(4), 9))
    sums = ReferenceSum(9)
    sums.add(log_p, np.arange(1, 10))  # each separation once
    assert divergences(log_p, np.arange(1, 10), sums.reference()) == pytest.approx(np.zeros(9), abs=1e-6)


@pytest.mark.parametrize("width", [2, 10])
def test_a_residue_has_the_mean_of_its_partners_within_the_band(width):
    num_res, rng = 5, np.random.default_rng(1)
    separation = pair_separation(num_res, width)
    values = rng.random(len(separation))
    square = np.full((num_res, num_res), np.nan)
    place = iter(values)
    for apart in range(1, min(width, num_res - 1) + 1):
        for first in range(num_res - apart):
            square[first, first + apart] = square[first + apart, first] = next(place)
    assert residue_confidence(values, separation, num_res) == pytest.approx(np.nanmean(square, axis=1))


def test_a_lone_residue_has_no_confidence():
    assert residue_confidence(np.zeros(0), pair_separation(1, 128), 1).tolist() == [0.0]


@pytest.mark.parametrize(
    "rules, confidence, weights",
    [
        (Rules(), [0.0, 0.49, 0.5, 0.75, 1.0, 3.0], [0, 0, 0.5, 0.75, 1, 1]),
        (Rules(threshold=2.0), [1.9, 2.0, 3.0, 4.0], [0, 0.5, 0.75, 1]),
        (Rules(measure="plddt"), [69.0, 70.0, 80.0, 90.0, 99.0], [0, 0.5, 0.75, 1, 1]),
        (Rules(measure="plddt", threshold=90), [89.0, 90.0, 95.0, 100.0], [0, 0.5, 0.75, 1]),
    ],
)
def test_weights(rules, confidence, weights):
    assert residue_weights(np.array(confidence), rules).tolist() == weights
