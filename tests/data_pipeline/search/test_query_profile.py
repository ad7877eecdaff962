import numpy as np
import pytest

from alphafold_lite.common.features import CarriedProfile
from alphafold_lite.common.residue_constants import restypes
from data_pipeline.msa import encode
from data_pipeline.search import query_profile as module
from data_pipeline.search.hmms import background_frequencies, emissions
from data_pipeline.search.query_profile import query_profile, weighted_frequencies

A, C, W = (restypes.index(letter) for letter in "ACW")


def test_rows_that_are_alike_share_their_weight():
    frequencies = weighted_frequencies(encode(["AW", "AW", "AW", "CW"]))
    # First column: A 1/6 a row, C 1/2; second: 1/4 a row. A weighs 3 (1/6 + 1/4) = 5/4 of 2.
    assert frequencies[0, A] == pytest.approx(5 / 8) and frequencies[0, C] == pytest.approx(3 / 8)
    assert frequencies[1, W] == pytest.approx(1) and frequencies.sum() == pytest.approx(2)


def test_gaps_and_x_count_nothing():
    frequencies = weighted_frequencies(encode(["AX", "-X", "XX"]))
    assert frequencies[0, A] == pytest.approx(1) and frequencies[1].sum() == 0


def test_a_query_alone_is_nearly_its_substitution_probabilities():
    sequence = "ACDWXK"
    profile = query_profile(encode([sequence]))
    np.testing.assert_allclose(profile.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(profile, emissions(sequence, None), atol=0.04)
    np.testing.assert_allclose(profile[4], background_frequencies())
    assert profile.dtype == np.float32 and profile[3, W] > emissions(sequence, None)[3, W]


def test_many_different_rows_outweigh_the_pseudocount():
    rng = np.random.default_rng(0)
    rows = ["".join(rng.choice(list("ACDEFGHIKL"), 50)) for _ in range(300)]
    deep, thin = query_profile(encode(rows)), query_profile(encode(rows[:2]))
    unseen = restypes.index("W")
    assert deep[:, unseen].mean() < 0.5 * thin[:, unseen].mean()
    assert deep.max(1).mean() < 0.25 < thin.max(1).mean()


def test_a_carried_profile_counts_as_it_is_trusted():
    frequencies = np.zeros((3, 20), np.float32)
    frequencies[:, W] = 1
    carried = CarriedProfile(frequencies=frequencies, trust=np.array([0.0, 0.5, 1.0], np.float32))
    profile, alone = query_profile(encode(["AAA"]), carried), query_profile(encode(["AAA"]))
    np.testing.assert_allclose(profile[0], alone[0], atol=1e-6)
    assert alone[1, W] < profile[1, W] < profile[2, W] and profile[2, W] > 0.5
    np.testing.assert_allclose(profile.sum(1), 1, atol=1e-5)


def test_only_the_first_rows_are_read(monkeypatch):
    rows = encode(["AC", "AW", "WW", "CC"])
    monkeypatch.setattr(module, "MAX_ROWS", 2)
    np.testing.assert_array_equal(query_profile(rows), query_profile(rows[:2]))
