from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.training.sampler import build_sampler, chain_weights, leave_out
from tests.support.training_runs import open_sets, small_config


@pytest.fixture
def sets(tmp_path):
    return open_sets(tmp_path)


@pytest.fixture
def data():
    return replace(small_config().data, min_length=1, length_floor=1, length_ceiling=22)


def test_weight_is_length_over_cluster_size(sets, data):
    # lengths 24, 20, 22; the first and the last are one cluster
    assert chain_weights(sets[0], data).tolist() == [11.0, 20.0, 11.0]


def test_short_chains_are_left_out_and_do_not_count(sets, data):
    assert chain_weights(sets[0], replace(data, min_length=23)).tolist() == [22.0, 0.0, 0.0]


def test_a_sample_is_a_function_of_seed_and_number(sets, data):
    sampler = build_sampler(sets[:1], data)
    names = [sampler.pick(5, n).id for n in range(40)]
    assert names == [build_sampler(sets[:1], data).pick(5, n).id for n in range(40)]
    assert names != [sampler.pick(6, n).id for n in range(40)]


def test_frequencies_follow_the_weights(sets, data):
    sampler = build_sampler(sets[:1], data)
    found = Counter(sampler.pick(0, n).id for n in range(2000))
    assert sampler.probabilities() == pytest.approx(np.array([11, 20, 11]) / 42)
    assert found["2BBB_B"] / 2000 == pytest.approx(20 / 42, abs=0.04)


def test_sets_get_their_shares(sets, data):
    sampler = build_sampler(sets, replace(data, shares=(0.9, 0.1)))
    assert sampler.probabilities().reshape(2, 3).sum(1) == pytest.approx([0.9, 0.1])
    with pytest.raises(InputError, match="each of 2 data files"):
        build_sampler(sets, replace(data, shares=(1.0,)))


def test_a_few_chains_come_from_different_clusters(sets, data):
    sampler = build_sampler(sets[:1], replace(data, num_chains=2))
    used = {sampler.pick(0, n).id for n in range(200)}
    assert len(used) == 2 and "2BBB_B" in used
    assert len({build_sampler(sets[:1], replace(data, num_chains=3)).pick(0, n).id for n in range(200)}) == 3


def test_no_chain_is_long_enough(sets, data):
    with pytest.raises(InputError, match="at least 99"):
        build_sampler(sets, replace(data, min_length=99))


def test_chains_are_left_out_by_name(sets):
    assert leave_out(sets[0], {"2BBB_B", "9ZZZ_Z"}).ids == ("1AAA_A", "3CCC_C")
