"""TM-score, GDT-TS and RMSD of two structures whose residues correspond by number; nothing is ever realigned.

The best superposition is searched as by Zhang & Skolnick (Proteins 57, 2004, p. 702): fragments of decreasing length are superposed, then the residues that came
to lie near each other, again and again until they stay the same. Many fragments are moved at a time: sums over subsets of residues and squared distances after
a motion are both linear in sixteen products of the coordinates, hence two matrix products a round.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from alphafold_lite.geometry import superpose

GDT_CUTOFFS = (1.0, 2.0, 4.0, 8.0)  # Å
SHORTEST_FRAGMENT, NUM_HALVINGS = 4, 6  # fragments of N, N/2, N/4 ... residues, the last ones of four
MAX_ROUNDS = 20
MIN_D0 = 0.5  # Å
SEARCH_RANGE = (4.5, 8.0)  # Å; limits of the distance within which residues are superposed again
FIRST_STEP, LATER_STEP = -1.0, 1.0  # Å, added to that distance in the first and in the later rounds
WIDENING = 0.5  # Å, until at least three residues are near
MIN_POINTS = 3
MAX_CELLS = 1 << 21  # fragments times residues at a time: 16 MiB an array


@dataclass(frozen=True, kw_only=True, slots=True)
class SuperpositionScores:
    """Both scores are maxima over superpositions and shares of the native length."""

    tm: float
    gdt_ts: float
    within: tuple[float, float, float, float]  # shares that can be brought within 1, 2, 4, 8 Å at once


def tm_d0(native_length: int) -> float:
    """The distance (Å) at which a residue counts half."""
    return max(MIN_D0, 1.24 * np.cbrt(native_length - 15.0) - 1.8)


def superposition_scores(
    predicted: Float[np.ndarray, "N_res 3"],
    true: Float[np.ndarray, "N_res 3"],
    mask: Bool[np.ndarray, "N_res"],
    *,
    native_length: int | None = None,
) -> SuperpositionScores:
    """TM-score and GDT-TS of one CA atom a residue, Å.

    Args:
        mask: residues known in both.
        native_length: residues of the true structure; the number in `mask` unless given.
    """
    length = int(mask.sum()) if native_length is None else native_length
    if mask.sum() < MIN_POINTS:
        return SuperpositionScores(tm=0.0, gdt_ts=0.0, within=(0.0, 0.0, 0.0, 0.0))
    search = _Search(predicted[mask].astype(np.float64), true[mask].astype(np.float64), tm_d0(length))
    for members in _fragments(int(mask.sum())):
        search.extend(members, float(np.clip(search.d0, *SEARCH_RANGE)))
    for number, cutoff in enumerate(GDT_CUTOFFS):
        search.extend(search.nearest[number][None], cutoff)
    one, two, four, eight = (float(count) / length for count in search.most)
    return SuperpositionScores(
        tm=search.sum / length, gdt_ts=(one + two + four + eight) / 4, within=(one, two, four, eight)
    )


def rmsd(
    predicted: Float[np.ndarray, "N_res 3"], true: Float[np.ndarray, "N_res 3"], mask: Bool[np.ndarray, "N_res"]
) -> float:
    """Root mean square distance after least-squares superposition of the residues in `mask`, Å."""
    points = (torch.as_tensor(values[mask], dtype=torch.float64) for values in (predicted, true))
    return float(superpose.superposed_rmsd(*points))


def _fragments(num_points: int) -> Iterator[Float[np.ndarray, "fragments N"]]:
    """Every stretch of each length as rows of 0 and 1, some at a time."""
    lengths = [max(num_points >> halving, min(SHORTEST_FRAGMENT, num_points)) for halving in range(NUM_HALVINGS)]
    position = np.arange(num_points)
    for length in sorted(set(lengths), reverse=True):
        starts = np.arange(num_points - length + 1)
        for block in np.array_split(starts, -(-len(starts) * num_points // MAX_CELLS)):
            ahead = position - block[:, None]
            yield ((ahead >= 0) & (ahead < length)).astype(np.float64)


class _Search:
    """The best of all superpositions seen so far."""

    def __init__(self, moving: Float[np.ndarray, "N 3"], fixed: Float[np.ndarray, "N 3"], d0: float) -> None:
        x, y = moving - moving.mean(0), fixed - fixed.mean(0)
        products = (x[:, :, None] * y[:, None, :]).reshape(-1, 9)
        self.features = np.column_stack((np.ones(len(x)), x, y, products))
        self.squares = np.square(x).sum(-1) + np.square(y).sum(-1)
        self.d0 = d0
        self.sum = 0.0
        self.most = np.zeros(len(GDT_CUTOFFS), np.int64)
        self.nearest = [np.ones(len(x))] * len(GDT_CUTOFFS)

    def extend(self, members: Float[np.ndarray, "S N"], distance: float) -> None:
        """Superpose each set of members, replace it by the residues within about `distance`, until it stays the same."""
        for number in range(MAX_ROUNDS + 1):
            squared = self._squared_distances(members)
            self._note(squared)
            near = _near(squared, distance + (LATER_STEP if number else FIRST_STEP))
            changed = (near != members).any(-1)
            members = np.unique(near[changed], axis=0) if number == 0 else near[changed]
            if not len(members):
                return

    def _squared_distances(self, members: Float[np.ndarray, "S N"]) -> Float[np.ndarray, "S N"]:
        """Of all residues, after superposing the members of each row."""
        sums = members @ self.features
        from_centre, to_centre = sums[:, 1:4] / sums[:, :1], sums[:, 4:7] / sums[:, :1]
        covariance = sums[:, 7:].reshape(-1, 3, 3) - sums[:, :1, None] * from_centre[:, :, None] * to_centre[:, None, :]
        left, _, right = np.linalg.svd(covariance)
        right[:, 2] *= np.sign(np.linalg.det(left) * np.linalg.det(right))[:, None]
        rotation = (left @ right).transpose(0, 2, 1)  # y = R x + t
        shift = to_centre - np.einsum("sij,sj->si", rotation, from_centre)
        linear_x = 2 * np.einsum("sij,si->sj", rotation, shift)
        products = -2 * rotation.transpose(0, 2, 1).reshape(-1, 9)
        coefficients = np.column_stack((np.square(shift).sum(-1), linear_x, -2 * shift, products))
        return np.maximum(coefficients @ self.features.T + self.squares, 0.0)

    def _note(self, squared: Float[np.ndarray, "S N"]) -> None:
        sums = (1 / (1 + squared / self.d0**2)).sum(-1)
        self.sum = max(self.sum, float(sums.max()))
        for number, cutoff in enumerate(GDT_CUTOFFS):
            counts = np.count_nonzero(squared <= cutoff**2, axis=-1)
            best = int(counts.argmax())
            if counts[best] > self.most[number]:
                self.most[number] = counts[best]
                self.nearest[number] = _near(squared[best : best + 1], cutoff)[0]


def _near(squared: Float[np.ndarray, "S N"], distance: float) -> Float[np.ndarray, "S N"]:
    """1 for the residues within `distance`, widened row by row in steps until three are."""
    third = np.partition(squared, MIN_POINTS - 1, axis=-1)[:, MIN_POINTS - 1]
    steps = np.ceil(np.maximum(np.sqrt(third) - distance, 0.0) / WIDENING)
    limit = np.maximum(np.square(distance + WIDENING * steps), third)
    return (squared <= limit[:, None]).astype(np.float64)
