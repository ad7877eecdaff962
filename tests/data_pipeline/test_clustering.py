"""Nearest centres and cluster means, against the definitions spelt out."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.clustering import cluster_summary, nearest_cluster_assignment, squash_deletions


def random_case(seed: int, num_clusters: int = 5, num_extra: int = 40, num_res: int = 9):
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 23, (num_clusters, num_res))
    extra = rng.integers(0, 22, (num_extra, num_res))
    return rng, centres, rng.integers(0, 4, centres.shape), extra, rng.integers(0, 4, extra.shape)


@given(st.integers(0, 10_000), st.sampled_from([2, 23]))
def test_assignment_is_the_first_centre_with_most_equal_letters(seed, num_letters):
    rng = np.random.default_rng(seed)
    centres, extra = rng.integers(0, num_letters, (4, 6)), rng.integers(0, min(num_letters, 22), (7, 6))
    equal = (extra[:, None] == centres) & (extra[:, None] < 21)
    np.testing.assert_array_equal(nearest_cluster_assignment(centres, extra), equal.sum(-1).argmax(1))


def test_gaps_and_masks_do_not_count_and_ties_go_to_the_first():
    centres = np.array([[21, 21, 21, 0], [22, 22, 22, 1], [20, 2, 2, 2]])
    extra = np.array([[21, 21, 21, 1], [21, 21, 21, 5], [20, 5, 5, 1]])
    assert nearest_cluster_assignment(centres, extra).tolist() == [1, 0, 1]


def test_more_rows_than_one_block():
    _, centres, _, extra, _ = random_case(1, num_extra=1100)
    parts = [nearest_cluster_assignment(centres, row[None])[0] for row in extra]
    np.testing.assert_array_equal(nearest_cluster_assignment(centres, extra), parts)


def test_summary_is_the_mean_over_the_members():
    rng, centres, centre_deletions, extra, extra_deletions = random_case(2)
    assignment = rng.integers(0, 4, len(extra))  # nobody joins the last centre
    summary = cluster_summary(centres, centre_deletions, extra, extra_deletions, assignment)
    for number in range(len(centres)):
        members = np.concatenate((centres[number : number + 1], extra[assignment == number]))
        deletions = np.concatenate((centre_deletions[number : number + 1], extra_deletions[assignment == number]))
        np.testing.assert_allclose(summary.profile[number], np.eye(23)[members].mean(0), atol=1e-6)
        np.testing.assert_allclose(summary.deletion_mean[number], deletions.mean(0), atol=1e-6)
    np.testing.assert_array_equal(summary.profile[-1], np.eye(23)[centres[-1]])
    np.testing.assert_allclose(summary.profile.sum(-1), 1, atol=1e-6)


def test_order_of_extra_rows_does_not_matter():
    rng, centres, centre_deletions, extra, extra_deletions = random_case(3)
    order = rng.permutation(len(extra))
    one = cluster_summary(centres, centre_deletions, extra, extra_deletions, nearest_cluster_assignment(centres, extra))
    shuffled = nearest_cluster_assignment(centres, extra[order])
    two = cluster_summary(centres, centre_deletions, extra[order], extra_deletions[order], shuffled)
    np.testing.assert_array_equal(one.profile, two.profile)
    np.testing.assert_array_equal(one.deletion_mean, two.deletion_mean)


def test_no_extra_rows():
    _, centres, deletions, extra, _ = random_case(4)
    assignment = nearest_cluster_assignment(centres, extra[:0])
    assert assignment.shape == (0,)
    summary = cluster_summary(centres, deletions, extra[:0], extra[:0], assignment)
    np.testing.assert_array_equal(summary.profile, np.eye(23)[centres])
    np.testing.assert_array_equal(summary.deletion_mean, deletions)


def test_squashed_deletions():
    squashed = squash_deletions(np.array([0, 3, 10**6]))
    np.testing.assert_allclose(squashed, [0, 0.5, 1], atol=1e-5)
    assert squashed.dtype == np.float32
