"""Atom layouts: atom14 (compact, by residue) and atom37 (one column an atom name), pseudo-beta and distance bins."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.geometry import tables

GLYCINE = rc.restype_order["G"]
CA, CB = rc.atom_order["CA"], rc.atom_order["CB"]


def take_atoms(values: Tensor, index: Int[Tensor, "*batch N_res K"]) -> Tensor:
    """Reorder the atom axis by an index table; axes behind it are carried along."""
    trailing = values.shape[index.dim() :]
    expanded = index.reshape(*index.shape, *(1,) * len(trailing)).expand(*index.shape, *trailing)
    return values.gather(index.dim() - 1, expanded)


def atom14_to_atom37(
    atom14: Float[Tensor, "*batch N_res 14 3"], aatype: Int[Tensor, "*batch N_res"], mask: Float[Tensor, "*batch N_res"]
) -> Float[Tensor, "*batch N_res 37 3"]:
    """Spread atom14 coordinates over the 37 names; atoms that a residue does not have are at the origin."""
    index = tables.lookup("restype_atom37_to_atom14", aatype, torch.int64)
    return take_atoms(atom14, index) * tables.atom37_exists(aatype, mask)[..., None]


def atom37_to_atom14(
    atom37: Float[Tensor, "*batch N_res 37 3"], aatype: Int[Tensor, "*batch N_res"], mask: Float[Tensor, "*batch N_res"]
) -> Float[Tensor, "*batch N_res 14 3"]:
    """Collect the atoms that a residue type has; the rest is zero."""
    index = tables.lookup("restype_atom14_to_atom37", aatype, torch.int64)
    return take_atoms(atom37, index) * tables.atom14_exists(aatype, mask)[..., None]


def pseudo_beta(
    aatype: Int[Tensor, "*batch N_res"], atom37: Float[Tensor, "*batch N_res 37 3"]
) -> Float[Tensor, "*batch N_res 3"]:
    """CB, or CA for glycine (supplement 1.4.1 and Alg. 32)."""
    return torch.where((aatype == GLYCINE)[..., None], atom37[..., CA, :], atom37[..., CB, :])


def pseudo_beta_mask(
    aatype: Int[Tensor, "*batch N_res"], atom37_mask: Float[Tensor, "*batch N_res 37"]
) -> Float[Tensor, "*batch N_res"]:
    """1 where the atom that `pseudo_beta` takes is there."""
    return torch.where(aatype == GLYCINE, atom37_mask[..., CA], atom37_mask[..., CB])


def distance_bins(
    positions: Float[Tensor, "*batch N_res 3"], *, min_bin: float, max_bin: float, num_bins: int
) -> Float[Tensor, "*batch N_res N_res num_bins"]:
    """One-hot distance bins from `min_bin` to `max_bin` Å (Alg. 32, line 1); the last bin is open, distances below the first edge have none."""
    lower = torch.linspace(min_bin, max_bin, num_bins, dtype=positions.dtype, device=positions.device).square()
    upper = torch.cat((lower[1:], lower.new_full((1,), 1e8)))
    squared = (positions[..., :, None, :] - positions[..., None, :, :]).square().sum(-1, keepdim=True)
    return ((squared > lower) & (squared < upper)).to(positions.dtype)
