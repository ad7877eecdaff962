import numpy as np
import pytest

from alphafold_lite.finetune.clusters import cluster, draw_validation
from tests.support.small_library import chain_sequence
from tests.support.structure_folders import member


def test_families_are_clusters_and_threads_change_nothing():
    sequences = [member(family, number) for number in range(3) for family in range(3)]
    found = cluster(sequences, identity=0.3)
    assert list(found) == [0, 1, 2] * 3
    assert list(cluster(sequences, identity=0.3, threads=2)) == list(found)


def test_a_higher_identity_splits_a_family():
    sequences = [
        chain_sequence(2),
        chain_sequence(2)[:-1] + "A",
        member(2, 0),
    ]  # the third has a fifth of its residues drawn anew
    assert list(cluster(sequences, identity=0.3)) == [0, 0, 0]
    assert list(cluster(sequences, identity=0.95)) == [0, 0, 1]


def test_relatives_of_relatives_stay_together():
    whole = chain_sequence(0) + chain_sequence(2)  # two domains; each alone is linked with both together
    assert list(cluster([chain_sequence(0), chain_sequence(2), whole], identity=0.3)) == [0, 0, 0]


def test_a_small_shared_piece_is_no_link():
    first, second = chain_sequence(0) + chain_sequence(1), chain_sequence(2) + chain_sequence(1)[:40]
    assert len(chain_sequence(1)[:40]) < 0.5 * len(second)
    assert list(cluster([first, second], identity=0.3)) == [0, 1]


def test_whole_clusters_are_drawn_within_the_share():
    clusters = np.repeat(np.arange(12), [30, *(2,) * 10, 1])
    for seed in range(20):
        chosen = draw_validation(clusters, share=0.2, rng=np.random.default_rng(seed))
        assert 0 < chosen.sum() <= 0.2 * len(clusters)
        assert not set(clusters[chosen]) & set(clusters[~chosen]) and 0 not in clusters[chosen]
    again = draw_validation(clusters, share=0.2, rng=np.random.default_rng(19))
    assert np.array_equal(chosen, again)


@pytest.mark.parametrize(
    "sizes, share, expected", [([5], 0.1, 0), ([4, 3], 0.1, 3), ([4, 3], 0.0, 0), ([1, 9], 0.1, 1)]
)
def test_few_clusters(sizes, share, expected):
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    assert draw_validation(clusters, share=share, rng=np.random.default_rng(0)).sum() == expected
