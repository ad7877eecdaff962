"""Clashes: atoms of different residues nearer than their van der Waals radii allow (supplement 1.9.11, eq. 46).

Only residues whose bounding spheres touch are looked at, a block of pairs at a time; no array of all atom pairs is ever made. As in the reference
implementation, the exception for disulfide bridges holds for the sixth atom of any two residues, not of cysteines alone.
"""

from functools import cache
from typing import NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from alphafold_lite.common import residue_constants as rc

DISTANCE_EPSILON = 1e-10  # Å², below the square root
SPHERE_MARGIN = 0.1  # Å, against rounding in the choice of neighbours
PAIRS_PER_BLOCK = 1 << 15  # residue pairs examined at once (25 MiB a float32 array)
N_SLOT, C_SLOT = 0, 2  # atom14 columns
SG_SLOT = rc.restype_name_to_atom14_names["CYS"].index("SG")


class _Residues(NamedTuple):
    """Residues of all members of the batch in one row."""

    position: Float[Tensor, "residues 14 3"]
    exists: Bool[Tensor, "residues 14"]
    radius: Float[Tensor, "residues 14"]
    number: Int[Tensor, "residues"]


class Clashes(NamedTuple):
    """Overlaps (Å) and number of clashes of every atom with other residues, and the number of pairs that could have clashed."""

    overlaps: Float[Tensor, "*batch N_res 14"]
    clashes: Float[Tensor, "*batch N_res 14"]
    num_pairs: Float[Tensor, "*batch"]


@cache
def _radii() -> Float[np.ndarray, "21 14"]:
    """Van der Waals radius of every atom of every residue type, 0 where there is none; Å."""
    names = rc.restype_name_to_atom14_names.values()
    return np.array([[rc.van_der_waals_radius[atom[0]] if atom else 0.0 for atom in atoms] for atoms in names])


def pair_distances(
    first: Float[Tensor, "*batch m 3"], second: Float[Tensor, "*batch n 3"]
) -> Float[Tensor, "*batch m n"]:
    """All distances, without the cancellation of the matrix product form; the gradient at coincident atoms is 0. Å."""
    if first.is_cuda:  # where cdist takes a block of threads for each pair
        squared = squared_by_coordinate(first, second)
    else:
        squared = torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist").square()
    return torch.sqrt(DISTANCE_EPSILON + squared)


def squared_by_coordinate(
    first: Float[Tensor, "*batch m 3"], second: Float[Tensor, "*batch n 3"]
) -> Float[Tensor, "*batch m n"]:
    """All squared distances, a coordinate at a time; Å²."""
    x, y, z = (a[..., :, None] - b[..., None, :] for a, b in zip(first.unbind(-1), second.unbind(-1), strict=True))
    return x.square() + y.square() + z.square()


def _near_pairs(
    residues: _Residues, num_residues: int, reach: float
) -> tuple[Int[Tensor, "pairs"], Int[Tensor, "pairs"]]:
    """Pairs of residues of one structure, lower number first, whose atoms may be nearer than `reach` Å, by their bounding spheres."""
    position, exists = residues.position.detach(), residues.exists
    count = exists.sum(-1, keepdim=True).clamp(min=1)
    centre = torch.where(exists[..., None], position, 0).sum(-2) / count
    extent = torch.where(exists, (position - centre[..., None, :]).norm(dim=-1), 0).amax(-1)
    centre, extent, number, present = (
        values.unflatten(0, (-1, num_residues)) for values in (centre, extent, residues.number, exists.any(-1))
    )
    too_far = pair_distances(centre, centre) > extent[:, :, None] + extent[:, None, :] + reach + SPHERE_MARGIN
    ahead = (number[:, None, :] > number[:, :, None]) & present[:, None, :] & present[:, :, None]
    structure, first, second = torch.nonzero(ahead & ~too_far, as_tuple=True)  # a position of nan is not too far
    return structure * num_residues + first, structure * num_residues + second


def _count_pairs(residues: _Residues, num_residues: int) -> Float[Tensor, "structures"]:
    """Atom pairs in different residues that neither a peptide bond nor a disulfide bridge can join."""
    number, exists = (values.unflatten(0, (-1, num_residues)) for values in (residues.number, residues.exists))
    atoms = exists.sum(-1).to(residues.position.dtype)
    c, n, sg = (exists[..., slot].to(atoms.dtype) for slot in (C_SLOT, N_SLOT, SG_SLOT))
    ahead = number[:, None, :] - number[:, :, None]
    pairs = (atoms[:, :, None] * atoms[:, None, :] - sg[:, :, None] * sg[:, None, :]) * (ahead > 0)
    return (pairs - c[:, :, None] * n[:, None, :] * (ahead == 1)).sum((-2, -1))


def _overlaps(
    residues: _Residues, first: Int[Tensor, "pairs"], second: Int[Tensor, "pairs"], overlap_tolerance: float
) -> tuple[Tensor, Tensor]:
    """By how much (Å) atoms of pairs of residues are too near, and whether they are (supplement, eq. 46); [pairs, 14, 14] twice."""
    slot = torch.arange(14, device=first.device)
    row, column = slot[:, None], slot
    next_to = residues.number[second] - residues.number[first] == 1
    peptide_bond = next_to[:, None, None] & (row == C_SLOT) & (column == N_SLOT)
    disulfide_bond = (row == SG_SLOT) & (column == SG_SLOT)
    both = residues.exists[first][:, :, None] & residues.exists[second][:, None, :]
    considered = both & ~peptide_bond & ~disulfide_bond
    nearest = residues.radius[first][:, :, None] + residues.radius[second][:, None, :] - overlap_tolerance
    short_by = nearest - pair_distances(residues.position[first], residues.position[second])
    return considered * torch.relu(short_by), (considered & (short_by > 0)).to(short_by.dtype)


def _per_atom_overlaps(
    residues: _Residues, first: Int[Tensor, "pairs"], second: Int[Tensor, "pairs"], overlap_tolerance: float
) -> tuple[Float[Tensor, "residues 14"], Float[Tensor, "residues 14"]]:
    """Overlaps and clashes of every atom within the given pairs of residues."""
    nothing = torch.zeros_like(residues.radius)
    loss, clash = (
        nothing.index_add(0, first, values.sum(-1)).index_add(0, second, values.sum(-2))
        for values in _overlaps(residues, first, second, overlap_tolerance)
    )
    return loss, clash


def find_clashes(
    aatype: Int[Tensor, "*batch N_res"],
    residue_index: Int[Tensor, "*batch N_res"],
    positions: Float[Tensor, "*batch N_res 14 3"],
    exists: Bool[Tensor, "*batch N_res 14"],
    overlap_tolerance: float,
) -> Clashes:
    """Clashes between residues, a block of neighbours at a time; with gradients, several blocks are recomputed in the backward pass."""
    shape = exists.shape
    residues = _Residues(
        position=positions.reshape(-1, 14, 3),
        exists=exists.reshape(-1, 14),
        radius=positions.new_tensor(_radii())[aatype].reshape(-1, 14),
        number=residue_index.reshape(-1),
    )
    reach = 2 * max(rc.van_der_waals_radius.values()) - overlap_tolerance
    first, second = _near_pairs(residues, shape[-2], reach)
    overlaps, clashes = torch.zeros_like(residues.radius), torch.zeros_like(residues.radius)
    recompute = len(first) > PAIRS_PER_BLOCK and positions.requires_grad and torch.is_grad_enabled()
    for start in range(0, len(first), PAIRS_PER_BLOCK):
        block = slice(start, start + PAIRS_PER_BLOCK)
        arguments = residues, first[block], second[block], overlap_tolerance
        if recompute:
            found = cast(tuple[Tensor, Tensor], checkpoint(_per_atom_overlaps, *arguments, use_reentrant=False))
        else:
            found = _per_atom_overlaps(*arguments)
        overlaps, clashes = overlaps + found[0], clashes + found[1]
    num_pairs = _count_pairs(residues, shape[-2]).reshape(shape[:-2])
    return Clashes(overlaps.reshape(shape), clashes.reshape(shape), num_pairs)
