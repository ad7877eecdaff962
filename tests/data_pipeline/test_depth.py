import numpy as np
import pytest

from data_pipeline.depth import msa_depth, row_weights
from data_pipeline.msa import GAP, encode


def test_identical_rows_share_one_vote() -> None:
    depth = msa_depth(encode(["ACDEF", "ACDEF", "ACDEF"]))
    np.testing.assert_allclose(depth.neff, np.ones(5), rtol=1e-6)
    assert (depth.num_rows, depth.median_neff) == (3, pytest.approx(1.0))


def test_unrelated_rows_count_fully_where_they_have_a_residue() -> None:
    depth = msa_depth(encode(["ACDEF", "GHI--", "--LMN"]))
    np.testing.assert_allclose(depth.neff, [2, 2, 3, 2, 2])
    np.testing.assert_allclose(depth.coverage, [2 / 3, 2 / 3, 1, 2 / 3, 2 / 3], rtol=1e-6)


@pytest.mark.parametrize(("second", "expected"), [("ACDEFGHIKL", 0.5), ("ACDEFGHIWW", 0.5), ("ACDEFGHWWW", 1.0)])
def test_80_percent_identical_is_similar_and_less_is_not(second: str, expected: float) -> None:
    np.testing.assert_allclose(row_weights(encode(["ACDEFGHIKL", second])), [expected, expected])


def test_identity_is_over_the_columns_where_either_row_has_a_residue() -> None:
    # 8 equal of 10 columns where either has a residue; of 9; of 11, where it is not enough
    np.testing.assert_allclose(row_weights(encode(["ACDEFGHIKL", "ACDEFGHI--"])), 0.5)
    np.testing.assert_allclose(row_weights(encode(["ACDEFGHI--K", "ACDEFGHIKLM"])), 1.0)
    np.testing.assert_allclose(row_weights(encode(["ACDEFGHIK-", "ACDEFGHI-L"])), 0.5)


def test_similarity_need_not_be_transitive() -> None:
    rows = ["AAAAAAAAAA", "AAAAAAAACC", "AAAAAACCCC"]  # neighbours 80 %, ends 60 %
    np.testing.assert_allclose(row_weights(encode(rows)), [1 / 2, 1 / 3, 1 / 2])
    np.testing.assert_allclose(msa_depth(encode(rows)).neff, np.full(10, 4 / 3), rtol=1e-6)


def test_blocks_change_nothing(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    centres = rng.integers(0, 21, (12, 40))
    msa = centres[rng.integers(0, 12, 150)]
    msa[rng.random(msa.shape) < 0.12] = GAP
    whole = row_weights(msa)
    monkeypatch.setattr("data_pipeline.depth._BLOCK_ROWS", 17)
    np.testing.assert_array_equal(row_weights(msa), whole)
    similar = np.zeros((150, 150), bool)
    for i in range(150):
        for j in range(150):
            equal = ((msa[i] == msa[j]) & (msa[i] != GAP)).sum()
            similar[i, j] = 5 * equal >= 4 * ((msa[i] != GAP) | (msa[j] != GAP)).sum()
    np.testing.assert_allclose(whole, 1 / similar.sum(1))


def test_a_row_of_gaps_alone_counts_nowhere() -> None:
    depth = msa_depth(encode(["ACDEF", "-----"]))
    np.testing.assert_allclose(depth.neff, np.ones(5))
    np.testing.assert_allclose(depth.coverage, np.full(5, 0.5))


def test_more_rows_than_are_compared_give_a_lower_bound(monkeypatch) -> None:
    monkeypatch.setattr("data_pipeline.depth._MAX_ROWS", 50)
    msa = np.random.default_rng(0).integers(0, 20, (200, 30))
    depth = msa_depth(msa)
    assert depth.num_rows == 200
    assert 49 <= depth.median_neff <= 50


@pytest.mark.parametrize(
    ("num_rows", "words"),
    [
        (1, "no relatives"),
        (5, "median Neff 5.0: AlphaFold's accuracy falls below about 30"),
        (60, "median Neff 60: AlphaFold gains up to"),
        (150, "deep alignment, median Neff 150"),
    ],
)
def test_the_message_names_alphafolds_thresholds(num_rows: int, words: str) -> None:
    msa = np.random.default_rng(1).integers(0, 20, (num_rows, 60))
    assert words in msa_depth(msa).message


def test_the_track_becomes_json() -> None:
    content = msa_depth(encode(["ACD", "GH-"])).to_json_dict()
    assert content["neff"] == [2.0, 2.0, 1.0]
    assert content["coverage"] == [1.0, 1.0, 0.5]
    assert (content["num_rows"], content["median_neff"]) == (2, 2.0)
