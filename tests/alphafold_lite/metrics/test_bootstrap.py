import numpy as np
import pytest

from alphafold_lite.metrics.bootstrap import mean_interval, ratio_interval


def test_an_interval_of_independent_values_is_that_of_the_normal_distribution():
    values = np.random.default_rng(0).normal(3, 2, 400)
    found = mean_interval(values, np.arange(400))
    half = 1.96 * values.std() / np.sqrt(400)
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.03)
    assert found.high == pytest.approx(values.mean() + half, abs=0.03)
    assert found.n == 400


def test_relatives_widen_the_interval():
    """Ten copies of each value are no more knowledge than one."""
    values = np.random.default_rng(1).normal(0, 1, 40)
    alone = mean_interval(values, np.arange(40))
    copied = mean_interval(np.repeat(values, 10), np.repeat(np.arange(40), 10))
    ignored = mean_interval(np.repeat(values, 10), np.arange(400))
    assert copied.value == pytest.approx(alone.value)
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low)
    assert ignored.high - ignored.low < 0.5 * (copied.high - copied.low)


def test_coverage():
    """About 95 of 100 intervals hold the true mean; clusters of unequal size."""
    rng = np.random.default_rng(2)
    hits = 0
    for trial in range(100):
        clusters = np.repeat(np.arange(60), rng.integers(1, 6, 60))
        values = rng.normal(0, 1, 60)[clusters] + rng.normal(0, 0.5, len(clusters))
        found = mean_interval(values, clusters, seed=trial)
        hits += found.low <= 0 <= found.high
    assert 88 <= hits <= 99


def test_the_seed_decides():
    values, clusters = np.arange(20.0), np.arange(20)
    assert mean_interval(values, clusters, seed=3) == mean_interval(values, clusters, seed=3)
    assert mean_interval(values, clusters, seed=3).low != mean_interval(values, clusters, seed=4).low


def test_one_cluster_has_no_interval():
    found = mean_interval(np.array([1.0, 2.0]), np.array([5, 5]))
    assert (found.value, found.low, found.high, found.n) == (1.5, None, None, 2)


def test_nothing_has_no_value():
    found = mean_interval(np.zeros(0), np.zeros(0, int))
    assert (found.value, found.low, found.high, found.n) == (None, None, None, 0)


def test_a_share_is_taken_over_everything():
    found = ratio_interval(np.array([1.0, 9.0]), np.array([2.0, 10.0]), np.array([0, 1]), n=12)
    assert found.value == pytest.approx(10 / 12)
    assert found.low == pytest.approx(0.5)
    assert found.high == pytest.approx(0.9)
    assert ratio_interval(np.zeros(2), np.zeros(2), np.arange(2), n=0).value is None
