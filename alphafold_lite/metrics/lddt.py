"""lDDT on CA atoms as AlphaFold computes it (supplement 1.9.6; Mariani et al., Bioinformatics 29, 2013, without its stereochemical checks)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

INCLUSION_RADIUS = 15.0  # Å, in the true structure
THRESHOLDS = (0.5, 1.0, 2.0, 4.0)  # Å
EPSILON = 1e-10  # AlphaFold's: a residue without any neighbour scores 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Lddt:
    """Shares of preserved distances. The whole chain's score counts every pair once, so it is not the mean over residues."""

    score: float
    per_residue: Float[np.ndarray, "N_res"]
    num_neighbours: Int[np.ndarray, "N_res"]  # true distances judged; 0 where the residue is not known


def lddt(
    predicted: Float[np.ndarray, "N_res 3"], true: Float[np.ndarray, "N_res 3"], mask: Bool[np.ndarray, "N_res"]
) -> Lddt:
    """Compare the distances between atoms of two structures; no superposition is made.

    Args:
        predicted, true: one atom (CA) a residue, Å.
        mask: residues known in both.
    """
    true_distances = _distances(true)
    pairs = mask[:, None] & mask[None, :] & (true_distances < INCLUSION_RADIUS)
    np.fill_diagonal(pairs, val=False)
    error = np.abs(_distances(predicted) - true_distances)
    kept = np.mean([error < threshold for threshold in THRESHOLDS], axis=0) * pairs
    preserved, judged = kept.sum(-1), pairs.sum(-1)
    return Lddt(
        score=float((EPSILON + preserved.sum()) / (EPSILON + judged.sum())),
        per_residue=(EPSILON + preserved) / (EPSILON + judged),
        num_neighbours=judged,
    )


def _distances(points: Float[np.ndarray, "N_res 3"]) -> Float[np.ndarray, "N_res N_res"]:
    difference = points[:, None, :].astype(np.float64) - points[None, :, :]
    return np.sqrt(EPSILON + np.square(difference).sum(-1))
