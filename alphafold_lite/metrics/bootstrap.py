"""Intervals by resampling whole clusters: related chains rise and fall together, so they are drawn together."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

NUM_DRAWS = 2000
COVERAGE = 0.95
Statistic = Callable[[Float[np.ndarray, "draws sums"]], Float[np.ndarray, "draws"]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A figure with the limits of its 95 % interval. None: nothing to compute it from, or (limits) fewer than two clusters."""

    value: float | None
    low: float | None
    high: float | None
    n: int  # items (chains, residues ...) behind the value


def bootstrap(
    sums: Float[np.ndarray, "N_item sums"],
    clusters: Int[np.ndarray, "N_item"],
    statistic: Statistic,
    *,
    n: int,
    seed: int = 0,
) -> Interval:
    """A figure that depends on sums over items only (a mean, a correlation), with a percentile interval.

    Args:
        sums: what each item adds to each of the sums.
        clusters: number of the cluster of each item; whole clusters are drawn with replacement.
        statistic: rows of totals -> figures; nan where it is not defined.
        n: reported as it is.
    """
    if not len(sums):
        return Interval(value=None, low=None, high=None, n=0)
    names, place = np.unique(clusters, return_inverse=True)
    by_cluster = np.zeros((len(names), sums.shape[1]))
    np.add.at(by_cluster, place, sums.astype(np.float64))
    value = float(statistic(by_cluster.sum(0, keepdims=True))[0])
    if not np.isfinite(value):
        return Interval(value=None, low=None, high=None, n=n)
    draws = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), NUM_DRAWS)
    figures = statistic(draws @ by_cluster)
    figures = figures[np.isfinite(figures)]
    if len(names) < 2 or not len(figures):
        return Interval(value=value, low=None, high=None, n=n)
    low, high = np.quantile(figures, ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2))
    return Interval(value=value, low=float(low), high=float(high), n=n)


def mean_interval(
    values: Float[np.ndarray, "N_item"], clusters: Int[np.ndarray, "N_item"], *, seed: int = 0
) -> Interval:
    """The mean over items."""
    return ratio_interval(values, np.ones(len(values)), clusters, n=len(values), seed=seed)


def ratio_interval(
    numerators: Float[np.ndarray, "N_item"],
    denominators: Float[np.ndarray, "N_item"],
    clusters: Int[np.ndarray, "N_item"],
    *,
    n: int,
    seed: int = 0,
) -> Interval:
    """Sum over sum, such as a share of residues over all chains; not defined where the second sum is 0."""

    def ratio(totals: Float[np.ndarray, "draws 2"]) -> Float[np.ndarray, "draws"]:
        return _divide(totals[:, 0], totals[:, 1])

    return bootstrap(np.column_stack((numerators, denominators)), clusters, ratio, n=n, seed=seed)


def _divide(above: Float[np.ndarray, "draws"], below: Float[np.ndarray, "draws"]) -> Float[np.ndarray, "draws"]:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
