"""How well pLDDT tells lDDT: correlation, and mean lDDT where the network says so much. Both run from 0 to 1."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.metrics.bootstrap import Interval, bootstrap, ratio_interval

NUM_BINS = 10
SPREAD_EPSILON = 1e-12  # variances below it have no correlation


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationBin:
    """Residues with a pLDDT from `lower` up to, but without, `upper`."""

    lower: float
    upper: float
    plddt: Interval  # means over the residues
    lddt: Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """The table, and the mean over residues of the gap between mean pLDDT and mean lDDT of their bin."""

    bins: tuple[CalibrationBin, ...]
    mean_error: Interval


def correlation(
    x: Float[np.ndarray, "N_item"],
    y: Float[np.ndarray, "N_item"],
    clusters: Int[np.ndarray, "N_item"],
    *,
    seed: int = 0,
) -> Interval:
    """Pearson's r; None where either side does not vary or there are fewer than three items."""
    if len(x) < 3:
        return Interval(value=None, low=None, high=None, n=len(x))
    x, y = x - x.mean(), y - y.mean()

    def pearson(totals: Float[np.ndarray, "draws 6"]) -> Float[np.ndarray, "draws"]:
        count, sum_x, sum_y, sum_xx, sum_yy, sum_xy = totals.T
        var_x, var_y = sum_xx / count - (sum_x / count) ** 2, sum_yy / count - (sum_y / count) ** 2
        varies = (var_x > SPREAD_EPSILON) & (var_y > SPREAD_EPSILON)
        spread = np.sqrt(np.where(varies, var_x * var_y, np.nan))
        return (sum_xy / count - sum_x * sum_y / count**2) / spread

    sums = np.column_stack((np.ones(len(x)), x, y, x * x, y * y, x * y))
    return bootstrap(sums, clusters, pearson, n=len(x), seed=seed)


def calibrate(
    plddt: Float[np.ndarray, "N_item"],
    lddt: Float[np.ndarray, "N_item"],
    clusters: Int[np.ndarray, "N_item"],
    *,
    seed: int = 0,
) -> Calibration:
    """Compare by ten equal bins of pLDDT; a bin without residues has n = 0."""
    place = np.minimum((plddt * NUM_BINS).astype(np.int64), NUM_BINS - 1)
    member = place[:, None] == np.arange(NUM_BINS)
    sums = np.concatenate((member, member * plddt[:, None], member * lddt[:, None]), axis=1)

    def mean_error(totals: Float[np.ndarray, "draws sums"]) -> Float[np.ndarray, "draws"]:
        count, said, true = np.split(totals, 3, axis=1)
        return np.abs(said - true).sum(-1) / count.sum(-1)

    bins = [
        _bin(number, plddt[place == number], lddt[place == number], clusters[place == number], seed)
        for number in range(NUM_BINS)
    ]
    return Calibration(bins=tuple(bins), mean_error=bootstrap(sums, clusters, mean_error, n=len(plddt), seed=seed))


def _bin(number: int, plddt: np.ndarray, lddt: np.ndarray, clusters: np.ndarray, seed: int) -> CalibrationBin:
    ones = np.ones(len(plddt))
    return CalibrationBin(
        lower=number / NUM_BINS,
        upper=(number + 1) / NUM_BINS,
        plddt=ratio_interval(plddt, ones, clusters, n=len(plddt), seed=seed),
        lddt=ratio_interval(lddt, ones, clusters, n=len(lddt), seed=seed),
    )
