"""Atoms that follow from the backbone, and atoms put right, in the atom37 layout. NumPy; Å."""

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.common import residue_constants as rc

_N, _CA, _C, _CB = (rc.atom_order[name] for name in ("N", "CA", "C", "CB"))
_CD, _NH1, _NH2 = (rc.atom_order[name] for name in ("CD", "NH1", "NH2"))


def with_beta_carbons(
    aatype: Int[np.ndarray, "N_res"], positions: Float[np.ndarray, "N_res 37 3"], mask: Float[np.ndarray, "N_res 37"]
) -> tuple[Float[np.ndarray, "N_res 37 3"], Float[np.ndarray, "N_res 37"]]:
    """Put CB at its ideal place in the frame of N, CA and C, where these are there and the residue type has one. Å."""
    has_frame = mask[:, [_N, _CA, _C]].prod(axis=1) * rc.restype_atom37_mask[aatype, _CB]
    absent = (has_frame > 0) & (mask[:, _CB] == 0)
    n, ca, c = (positions[absent, atom].astype(np.float64) for atom in (_N, _CA, _C))
    x = _unit(c - ca)
    y = _unit((n - ca) - x * ((n - ca) * x).sum(-1, keepdims=True))
    frame = np.stack([x, y, np.cross(x, y)], axis=-1)
    ideal = rc.restype_atom37_rigid_group_positions[aatype[absent], _CB]
    positions, mask = positions.copy(), mask.copy()
    positions[absent, _CB] = ca + np.einsum("nij,nj->ni", frame, ideal)
    mask[absent, _CB] = 1.0
    return positions, mask


def with_arginine_names(
    aatype: Int[np.ndarray, "N_res"], positions: Float[np.ndarray, "N_res 37 3"], mask: Float[np.ndarray, "N_res 37"]
) -> Float[np.ndarray, "N_res 37 3"]:
    """Exchange NH1 and NH2 of arginines where NH2 is nearer to CD: a mistake in some files, which AlphaFold corrects too. Å."""
    complete = (aatype == rc.restype_order["R"]) & np.asarray((mask[:, [_CD, _NH1, _NH2]] > 0).all(-1))
    first, second = (np.linalg.norm(positions[:, atom] - positions[:, _CD], axis=-1) for atom in (_NH1, _NH2))
    swapped = complete & (second < first)
    positions = positions.copy()
    positions[swapped, _NH1], positions[swapped, _NH2] = positions[swapped, _NH2], positions[swapped, _NH1]
    return positions


def _unit(vectors: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
