"""Confidence of each residue by how far its distances are from what is usual at their separation (supplement 1.3), and weights from it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.distill.settings import Rules

LEAST_WEIGHT = 0.5  # of a residue at the threshold
SMALLEST = 1e-30  # a probability whose logarithm is still finite


class ReferenceSum:
    """Mean predicted distributions of distances by separation, built up sequence by sequence."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._sums: Float[np.ndarray, "width bins"] | None = None
        self._counts = np.zeros(width, np.int64)
        self.num_sequences = 0

    def add(self, log_p: Float[np.ndarray, "N_pairs bins"], separation: Int[np.ndarray, "N_pairs"]) -> None:
        """Count one sequence's pairs.

        Args:
            log_p: natural logarithms of probabilities, pairs by their separation.
            separation: of each pair, from 1 to the width.
        """
        if self._sums is None:
            self._sums = np.zeros((self._width, log_p.shape[-1]))
        starts = np.flatnonzero(np.diff(separation, prepend=0))
        if len(starts):
            self._sums[separation[starts] - 1] += np.add.reduceat(np.exp(log_p.astype(np.float64)), starts, axis=0)
        self._counts += np.bincount(separation - 1, minlength=self._width)
        self.num_sequences += 1

    def reference(self) -> "Reference":
        """The means; separations that no sequence had are 0.

        Raises:
            ValueError: nothing was counted.
        """
        if self._sums is None:
            raise ValueError("a reference of no sequence")
        means = self._sums / np.maximum(self._counts, 1)[:, None]
        return Reference(probabilities=means.astype(np.float32), num_sequences=self.num_sequences)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """What is usual."""

    probabilities: Float[np.ndarray, "width bins"]  # by separation, from 1
    num_sequences: int


def divergences(
    log_p: Float[np.ndarray, "N_pairs bins"], separation: Int[np.ndarray, "N_pairs"], reference: Reference
) -> Float[np.ndarray, "N_pairs"]:
    """c_ij = D_KL(p_ref(|i-j|) || p_ij) of each pair, in nats (supplement 1.3): 0 for what is usual, the higher the more is known."""
    usual = reference.probabilities.astype(np.float64)
    own_part = (usual * np.log(np.maximum(usual, SMALLEST))).sum(-1)
    shared_part = np.einsum("pb,pb->p", usual[separation - 1], log_p.astype(np.float64))
    return np.maximum(own_part[separation - 1] - shared_part, 0.0)


def residue_confidence(
    divergence: Float[np.ndarray, "N_pairs"], separation: Int[np.ndarray, "N_pairs"], num_res: int
) -> Float[np.ndarray, "N_res"]:
    """c_i: the mean over all partners of a residue within the band, itself excluded; 0 for a residue without any.

    Args:
        divergence: of pairs i < j by separation, then by i.
    """
    first = np.concatenate([np.arange(num_res - apart) for apart in np.unique(separation)] or [np.zeros(0, np.int64)])
    rows = np.concatenate((first, first + separation))
    sums = np.bincount(rows, weights=np.tile(divergence, 2), minlength=num_res)
    return (sums / np.maximum(np.bincount(rows, minlength=num_res), 1)).astype(np.float32)


def residue_weights(confidence: Float[np.ndarray, "N_res"], rules: Rules) -> Float[np.ndarray, "N_res"]:
    """0 below the threshold; at it a half, rising linearly to 1 at `rules.full` and above. The supplement has 1 from the threshold on."""
    ramp = np.clip((confidence - rules.limit) / (rules.full - rules.limit), 0.0, 1.0)
    weights = LEAST_WEIGHT + (1 - LEAST_WEIGHT) * ramp
    return np.where(confidence >= rules.limit, weights, 0.0).astype(np.float32)
