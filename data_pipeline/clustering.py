"""Extra MSA rows to their nearest cluster centres, and what a cluster says (AlphaFold 2 supplement, 1.2.7). No random choice is made here."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

NUM_LETTERS = 23  # residue types, X, gap, mask
_NUM_COUNTED = 21  # agreement in a gap or a mask says nothing
_BLOCK_ROWS = 512  # extra rows compared at a time: bounds the one-hot copy
_DELETION_SCALE = 3.0  # supplement, Table 1: 2/pi arctan(d/3)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterSummary:
    """Letters and deletions over a centre and the rows that joined it."""

    profile: Float[np.ndarray, "N_clust N_res 23"]
    deletion_mean: Float[np.ndarray, "N_clust N_res"]  # residues


def nearest_cluster_assignment(
    centres: Int[np.ndarray, "N_clust N_res"], extra: Int[np.ndarray, "N_extra N_res"]
) -> Int[np.ndarray, "N_extra"]:
    """For every extra row the centre with most equal letters, gaps and masks not counted; of equal ones the first.

    Counts are whole numbers below 2^24, so float32 products are exact and the result does not depend on the machine.
    """
    flat_centres = _one_hot(centres).T
    blocks = (extra[start : start + _BLOCK_ROWS] for start in range(0, len(extra), _BLOCK_ROWS))
    nearest = [np.argmax(_one_hot(block) @ flat_centres, axis=1) for block in blocks]
    return np.concatenate(nearest).astype(np.int32) if nearest else np.zeros(0, np.int32)


def cluster_summary(
    centres: Int[np.ndarray, "N_clust N_res"],
    centre_deletions: Int[np.ndarray, "N_clust N_res"],
    extra: Int[np.ndarray, "N_extra N_res"],
    extra_deletions: Int[np.ndarray, "N_extra N_res"],
    assignment: Int[np.ndarray, "N_extra"],
) -> ClusterSummary:
    """Mean one-hot letter and mean number of deletions over each centre, as masked, together with its extra rows, gaps included."""
    num_clusters, num_res = centres.shape
    cluster = np.concatenate((np.arange(num_clusters), assignment))
    cell = cluster[:, None] * num_res + np.arange(num_res)
    letter_cell = cell * NUM_LETTERS + np.concatenate((centres, extra))
    letters = np.bincount(letter_cell.ravel(), minlength=num_clusters * num_res * NUM_LETTERS)
    weights = np.concatenate((centre_deletions, extra_deletions)).ravel()
    deletions = np.bincount(cell.ravel(), weights, minlength=num_clusters * num_res)
    size = np.bincount(cluster, minlength=num_clusters)[:, None]
    return ClusterSummary(
        profile=(letters.reshape(num_clusters, num_res, NUM_LETTERS) / size[..., None]).astype(np.float32),
        deletion_mean=(deletions.reshape(num_clusters, num_res) / size).astype(np.float32),
    )


def squash_deletions(deletions: Float[np.ndarray, "*any"] | Int[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """Numbers of deletions to [0, 1): 2/pi arctan(d/3) (supplement, Table 1)."""
    return (np.arctan(deletions / _DELETION_SCALE) * (2.0 / np.pi)).astype(np.float32)


def _one_hot(rows: Int[np.ndarray, "N_rows N_res"]) -> Float[np.ndarray, "N_rows N_flat"]:
    return (rows[..., None] == np.arange(_NUM_COUNTED, dtype=rows.dtype)).astype(np.float32).reshape(len(rows), -1)
