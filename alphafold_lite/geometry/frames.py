"""Frames of the eight rigid groups of an experimental structure, with the alternatives of symmetric ends (supplement 1.8.5)."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.geometry.rigid import Rigid


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupFrames:
    """Frames `[*, N_res, 8]` in the order backbone, (two unused), psi, chi1-4."""

    frames: Rigid
    alternative: Rigid  # symmetric ends turned by 180 degrees
    exists: Float[Tensor, "*batch N_res 8"]  # all three defining atoms are there
    group_exists: Float[Tensor, "*batch N_res 8"]  # the residue type has the group
    is_ambiguous: Float[Tensor, "*batch N_res 8"]


@lru_cache(maxsize=1)
def _group_tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(defining atoms [21, 8, 3] in atom37, group exists [21, 8], ambiguous [21, 8])."""
    atoms = np.zeros((21, 8, 3), np.int64)
    exists, ambiguous = np.zeros((21, 8), np.float32), np.zeros((21, 8), np.float32)
    exists[:, [0, 3]] = 1
    exists[:20, 4:] = rc.chi_angles_mask[:20]
    atoms[:, 0] = [rc.atom_order[a] for a in ("C", "CA", "N")]
    atoms[:, 3] = [rc.atom_order[a] for a in ("CA", "C", "O")]
    atoms[:, 4:] = rc.chi_atom_indices[..., 1:]
    for name in rc.residue_atom_renaming_swaps:
        residue = rc.restype_order[rc.restype_3to1[name]]
        ambiguous[residue, 4 + int(rc.chi_angles_mask[residue].sum()) - 1] = 1
    return atoms, exists, ambiguous


def atom37_to_frames(
    aatype: Int[Tensor, "*batch N_res"],
    atom37: Float[Tensor, "*batch N_res 37 3"],
    atom37_mask: Float[Tensor, "*batch N_res 37"],
) -> GroupFrames:
    """Rigid-group frames from atom positions (Å); frames whose atoms are missing have `exists` 0 and no meaning."""
    kind = aatype.clamp(max=20).long()
    atoms, exists, ambiguous = (torch.as_tensor(t, device=atom37.device) for t in _group_tables())
    index = atoms[kind].flatten(-2)
    points = atom37.gather(-2, index[..., None].expand(*index.shape, 3)).unflatten(-2, (8, 3))
    group_exists = exists[kind].to(atom37.dtype)
    found = atom37_mask.gather(-1, index).unflatten(-1, (8, 3)).prod(-1) * group_exists
    first, origin, plane = points.unbind(-2)
    frames = Rigid.from_axes(origin - first, plane - origin, origin)
    backbone = atom37.new_tensor((-1.0, 1.0, -1.0)).expand(1, 3)
    columns = torch.cat((backbone, atom37.new_ones(7, 3)))  # e1 of the backbone points to C
    frames = Rigid(rotation=frames.rotation * columns[:, None, :], translation=frames.translation)
    is_ambiguous = ambiguous[kind].to(atom37.dtype)
    turn = torch.stack((torch.ones_like(is_ambiguous), 1 - 2 * is_ambiguous, 1 - 2 * is_ambiguous), dim=-1)
    alternative = Rigid(rotation=frames.rotation * turn[..., None, :], translation=frames.translation)
    return GroupFrames(
        frames=frames, alternative=alternative, exists=found, group_exists=group_exists, is_ambiguous=is_ambiguous
    )
