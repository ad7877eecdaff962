"""What a run will take: time and memory as sums of non-negative terms in the size of its input, fitted to measured points. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

TELLING = 96  # residues from which memory that is used grows with the pairs of residues
_TOLERANCE = 1e-10  # of a gradient, against the largest one, below which a term would not improve the fit
_ROUNDS = 10  # for each column, before the search for the best fit is given up


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """The size of one run of one model. Templates are counted as the network pads them: none, or as many as it has places for."""

    num_res: int
    num_clusters: int = 1
    num_extra: int = 0
    num_templates: int = 0
    passes: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A run that was measured; memory is that of the whole process (of a GPU: of its allocations), None where it could not be told."""

    load: Load
    seconds: float
    peak_bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CostModel:
    """Expected time and memory of a run.

    Args:
        seconds_terms, bytes_terms: a coefficient for each term of `_time_terms` and `_memory_terms`.
        base_bytes: held before any run, parameters included.
        largest: the largest value of each size among the points; beyond it the model extrapolates.
        tells_memory: whether the memory of a run long enough to stand out from what is held anyway is among the points.
    """

    seconds_terms: tuple[float, ...]
    bytes_terms: tuple[float, ...]
    base_bytes: int
    largest: Load
    tells_memory: bool

    @classmethod
    def fit(cls, points: Sequence[Point], *, base_bytes: int) -> "CostModel":
        """Fit to relative errors: a short run counts as much as a long one.

        Raises:
            ValueError: no points.
        """
        loads = [point.load for point in points]
        seconds = _fit([_time_terms(load) for load in loads], [point.seconds for point in points])
        known = [(point.load, point.peak_bytes) for point in points if point.peak_bytes is not None]
        beyond = [float(max(peak - base_bytes, 0)) for _, peak in known]
        memory = [0.0] * len(_memory_terms(loads[0]))
        if known:
            memory = _fit([_memory_terms(load) for load, _ in known], beyond, scale=[float(peak) for _, peak in known])
        sizes = ("num_res", "num_clusters", "num_extra", "num_templates", "passes")
        largest = Load(**{name: max(getattr(load, name) for load in loads) for name in sizes})
        return cls(
            seconds_terms=tuple(seconds),
            bytes_terms=tuple(memory),
            base_bytes=base_bytes,
            largest=largest,
            tells_memory=any(load.num_res >= TELLING for load, _ in known),
        )

    def seconds(self, load: Load) -> float:
        """Of one run, all passes and the writing of its files."""
        return float(np.dot(self.seconds_terms, _time_terms(load)))

    def bytes_beyond(self, load: Load) -> float:
        """Needed beyond what is held before the run."""
        return float(np.dot(self.bytes_terms, _memory_terms(load)))

    def peak_bytes(self, load: Load) -> float:
        """Of the whole process, or on a GPU of its allocations."""
        return self.base_bytes + self.bytes_beyond(load)

    def extrapolates(self, load: Load) -> bool:
        """Whether the chain is longer or the alignment deeper than any that was measured."""
        return (
            load.num_res > self.largest.num_res
            or load.num_clusters > self.largest.num_clusters
            or load.num_extra > self.largest.num_extra
        )


def _time_terms(load: Load) -> list[float]:
    """Transitions and products of channels grow with the cells of a representation, attention and triangles with cells times a side.

    Templates are embedded once, and read in each pass.
    """
    n, c, e, t = float(load.num_res), float(load.num_clusters), float(load.num_extra), float(load.num_templates)
    a_pass = [1.0, n, n**2, n**3, c * n, c * n**2, c**2 * n, e * n, e * n**2, c * e * n, t * n**2]
    return [1.0, n**2, t * n**2, t * n**3, *(load.passes * term for term in a_pass)]


def _memory_terms(load: Load) -> list[float]:
    """Pair and MSA cells, and what one pass hands to the next; larger temporaries are made in blocks of bounded size."""
    n, c, e, t = float(load.num_res), float(load.num_clusters), float(load.num_extra), float(load.num_templates)
    return [1.0, n, n**2, c * n, e * n, t * n**2, (load.passes > 1) * n**2]


def _fit(
    terms: Sequence[Sequence[float]], values: Sequence[float], *, scale: Sequence[float] | None = None
) -> list[float]:
    """Non-negative coefficients for the least sum of squares of (sum - value) / scale; the scale is the value unless given."""
    weights = 1.0 / np.asarray(values if scale is None else scale, np.float64)
    matrix = np.asarray(terms, np.float64) * weights[:, None]
    norms = np.linalg.norm(matrix, axis=0)
    norms[norms == 0] = 1.0  # a term that is zero in all points gets the coefficient zero
    found = non_negative_least_squares(matrix / norms, np.asarray(values, np.float64) * weights) / norms
    return [float(value) for value in found]


def non_negative_least_squares(a: Float[np.ndarray, "M K"], b: Float[np.ndarray, "M"]) -> Float[np.ndarray, "K"]:
    """The x >= 0 with the least |a x - b| (Lawson and Hanson, Solving Least Squares Problems, chapter 23)."""
    x, used = np.zeros(a.shape[1]), np.zeros(a.shape[1], bool)
    smallest = _TOLERANCE * max(float(np.abs(a.T @ b).max()), np.finfo(float).tiny)
    for _ in range(_ROUNDS * a.shape[1]):
        gradient = np.where(used, -np.inf, a.T @ (b - a @ x))
        if gradient.max() <= smallest:
            break
        used[int(gradient.argmax())] = True
        x = _without_negative(a, b, x, used)
    return x


def _without_negative(
    a: Float[np.ndarray, "M K"], b: Float[np.ndarray, "M"], x: Float[np.ndarray, "K"], used: np.ndarray
) -> Float[np.ndarray, "K"]:
    """The best fit with the columns in use; those that would become negative are taken out of use (`used` is changed)."""
    while True:
        best = np.zeros_like(x)
        best[used] = np.linalg.lstsq(a[:, used], b, rcond=None)[0]
        bad = used & (best <= 0)
        if not bad.any():
            return best
        step = float((x[bad] / np.maximum(x[bad] - best[bad], np.finfo(float).tiny)).min())
        x = x + step * (best - x)
        used &= x > _TOLERANCE * max(float(x.max()), np.finfo(float).tiny)
        x[~used] = 0.0
