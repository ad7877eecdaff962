"""Violations of stereochemistry: broken peptide bonds, clashes between residues and misshapen residues (supplement 1.9.11).

Three details follow the reference implementation rather than the text, so that scores and relaxation agree with it: the angle at the carbonyl carbon is judged
with its own standard deviation; the exception for disulfide bridges holds for the sixth atom of any two residues, not of cysteines alone; and the
per-residue loss of the peptide bonds also counts breaks in the chain and absent atoms, while its means and flags do not.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.protein import Protein
from alphafold_lite.geometry.clashes import Clashes, find_clashes, pair_distances

BOND_EPSILON = 1e-6  # Å², below the square roots of bond lengths and deviations, and in the denominators of means
N_SLOT, CA_SLOT, C_SLOT = 0, 1, 2  # atom14 columns


@dataclass(frozen=True, kw_only=True, slots=True)
class BetweenResidueViolations:
    """Peptide bonds and clashes. Losses of bonds and clashes in Å, of angles in cosines; masks are 0 or 1."""

    bonds_c_n_loss_mean: Float[Tensor, "*batch"]
    angles_ca_c_n_loss_mean: Float[Tensor, "*batch"]
    angles_c_n_ca_loss_mean: Float[Tensor, "*batch"]
    connections_per_residue_loss_sum: Float[Tensor, "*batch N_res"]
    connections_per_residue_violation_mask: Float[Tensor, "*batch N_res"]
    clashes_mean_loss: Float[Tensor, "*batch"]
    clashes_per_atom_loss_sum: Float[Tensor, "*batch N_res 14"]
    clashes_per_atom_clash_mask: Float[Tensor, "*batch N_res 14"]


@dataclass(frozen=True, kw_only=True, slots=True)
class WithinResidueViolations:
    """Distances inside residues outside their limits; Å."""

    per_atom_loss_sum: Float[Tensor, "*batch N_res 14"]
    per_atom_violations: Float[Tensor, "*batch N_res 14"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Violations:
    """What `find_violations` found. The total mask is 1 for residues with any violation."""

    between_residues: BetweenResidueViolations
    within_residues: WithinResidueViolations
    total_per_residue_violations_mask: Float[Tensor, "*batch N_res"]


class _Connections(NamedTuple):
    """One kind of deviation along the N_res - 1 peptide bonds."""

    mean: Float[Tensor, "*batch"]
    loss: Float[Tensor, "*batch bonds"]
    violated: Bool[Tensor, "*batch bonds"]


@cache
def _bounds(tolerance_factor: float, overlap_tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    lower, upper, _ = rc.atom14_bounds(tolerance_factor, overlap_tolerance)
    return lower, upper


def _length(vector: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
    return torch.sqrt(BOND_EPSILON + vector.square().sum(-1))


def _judge(
    value: Float[Tensor, "*batch bonds"],
    ideal: Float[Tensor, "*batch bonds"] | float,
    limit: Float[Tensor, "*batch bonds"] | float,
    mask: Bool[Tensor, "*batch bonds"],
) -> _Connections:
    """Flat-bottomed L1 loss: how far a value strays from the ideal beyond the limit."""
    error = torch.sqrt(BOND_EPSILON + (value - ideal).square())
    loss = torch.relu(error - limit)
    mean = (mask * loss).sum(-1) / (mask.sum(-1) + BOND_EPSILON)
    return _Connections(mean, loss, mask & (error > limit))


def _find_connections(
    aatype: Int[Tensor, "*batch N_res"],
    residue_index: Int[Tensor, "*batch N_res"],
    positions: Float[Tensor, "*batch N_res 14 3"],
    exists: Bool[Tensor, "*batch N_res 14"],
    tolerance_factor: float,
) -> tuple[_Connections, _Connections, _Connections]:
    """Peptide bond lengths, angles CA-C-N and angles C-N-CA (supplement, eq. 44 and 45)."""
    ca, c = positions[..., :-1, CA_SLOT, :], positions[..., :-1, C_SLOT, :]
    next_n, next_ca = positions[..., 1:, N_SLOT, :], positions[..., 1:, CA_SLOT, :]
    has_ca, has_c = exists[..., :-1, CA_SLOT], exists[..., :-1, C_SLOT]
    has_next_n, has_next_ca = exists[..., 1:, N_SLOT], exists[..., 1:, CA_SLOT]
    bonded = (residue_index[..., 1:] - residue_index[..., :-1] == 1) & has_c & has_next_n

    proline = (aatype[..., 1:] == rc.restype_order["P"]).to(positions.dtype)
    lengths, spreads = rc.between_res_bond_length_c_n, rc.between_res_bond_length_stddev_c_n
    ideal = lengths[0] + (lengths[1] - lengths[0]) * proline
    limit = tolerance_factor * (spreads[0] + (spreads[1] - spreads[0]) * proline)
    bond_length = _length(next_n - c)
    bonds = _judge(bond_length, ideal, limit, bonded)

    to_ca = (ca - c) / _length(ca - c)[..., None]
    to_n = (next_n - c) / bond_length[..., None]
    to_next_ca = (next_ca - next_n) / _length(next_ca - next_n)[..., None]
    cosine, spread = rc.between_res_cos_angles_ca_c_n
    at_carbon = _judge((to_ca * to_n).sum(-1), cosine, tolerance_factor * spread, bonded & has_ca)
    cosine, spread = rc.between_res_cos_angles_c_n_ca
    at_nitrogen = _judge((-to_n * to_next_ca).sum(-1), cosine, tolerance_factor * spread, bonded & has_next_ca)
    return bonds, at_carbon, at_nitrogen


def _per_residue(values: Tensor) -> tuple[Tensor, Tensor]:
    """Values of the N_res - 1 bonds, as seen from the residue before and from the residue after each."""
    return torch.nn.functional.pad(values, (0, 1)), torch.nn.functional.pad(values, (1, 0))


def _between_residues(
    connections: tuple[_Connections, _Connections, _Connections], clashes: Clashes
) -> BetweenResidueViolations:
    bonds, at_carbon, at_nitrogen = connections
    before, after = _per_residue(bonds.loss + at_carbon.loss + at_nitrogen.loss)
    broken_before, broken_after = _per_residue(bonds.violated | at_carbon.violated | at_nitrogen.violated)
    dtype = bonds.loss.dtype
    return BetweenResidueViolations(
        bonds_c_n_loss_mean=bonds.mean,
        angles_ca_c_n_loss_mean=at_carbon.mean,
        angles_c_n_ca_loss_mean=at_nitrogen.mean,
        connections_per_residue_loss_sum=0.5 * (before + after),
        connections_per_residue_violation_mask=(broken_before | broken_after).to(dtype),
        clashes_mean_loss=0.5 * clashes.overlaps.sum((-2, -1)) / (clashes.num_pairs + BOND_EPSILON),
        clashes_per_atom_loss_sum=clashes.overlaps,
        clashes_per_atom_clash_mask=(clashes.clashes > 0).to(dtype),
    )


def _within_residues(
    aatype: Int[Tensor, "*batch N_res"],
    positions: Float[Tensor, "*batch N_res 14 3"],
    exists: Bool[Tensor, "*batch N_res 14"],
    bounds: tuple[np.ndarray, np.ndarray],
) -> WithinResidueViolations:
    """Distances within residues against their limits (the term that the reference implementation adds to those of the supplement)."""
    lower, upper = (positions.new_tensor(bound)[aatype] for bound in bounds)
    considered = exists[..., :, None] & exists[..., None, :] & ~torch.eye(14, dtype=torch.bool, device=exists.device)
    distance = pair_distances(positions, positions)
    loss = considered * (torch.relu(lower - distance) + torch.relu(distance - upper))
    violated = considered & ((distance < lower) | (distance > upper))
    return WithinResidueViolations(
        per_atom_loss_sum=loss.sum(-1) + loss.sum(-2), per_atom_violations=violated.any(-1).to(loss.dtype)
    )


def find_violations(
    aatype: Int[Tensor, "*#batch N_res"],
    residue_index: Int[Tensor, "*#batch N_res"],
    atom14_positions: Float[Tensor, "*batch N_res 14 3"],
    atom14_exists: Float[Tensor, "*#batch N_res 14"],
    *,
    tolerance_factor: float = 12.0,
    overlap_tolerance: float = 1.5,
) -> Violations:
    """Find what breaks the rules of stereochemistry in a structure (supplement 1.9.11). Differentiable; float32 at least.

    The sequence may have fewer leading dimensions than the positions.

    Args:
        aatype: residue types 0-20; [*, N_res].
        residue_index: residues whose numbers differ by one are bonded, of equal number never clash; [*, N_res].
        atom14_positions: Å; [*, N_res, 14, 3].
        atom14_exists: 1 where the atom is there; [*, N_res, 14].
        tolerance_factor: allowed deviation of bonds and angles in standard deviations.
        overlap_tolerance: allowed overlap of van der Waals spheres, Å.
    """
    positions = atom14_positions.to(torch.promote_types(atom14_positions.dtype, torch.float32))
    exists = (atom14_exists > 0.5).expand(positions.shape[:-1])
    aatype, residue_index = aatype.expand(exists.shape[:-1]), residue_index.expand(exists.shape[:-1])
    connections = _find_connections(aatype, residue_index, positions, exists, tolerance_factor)
    clashes = find_clashes(aatype, residue_index, positions, exists, overlap_tolerance)
    between = _between_residues(connections, clashes)
    within = _within_residues(aatype, positions, exists, _bounds(tolerance_factor, overlap_tolerance))
    clash = between.clashes_per_atom_clash_mask.amax(-1)
    total = torch.stack(
        [between.connections_per_residue_violation_mask, clash, within.per_atom_violations.amax(-1)]
    ).amax(0)
    return Violations(between_residues=between, within_residues=within, total_per_residue_violations_mask=total)


def find_protein_violations(protein: Protein) -> Violations:
    """Violations of a whole structure, at the tolerances of the relaxation, in float64 and without gradients. Chains are not bonded."""
    columns = rc.restype_atom14_to_atom37[protein.aatype]
    exists = np.take_along_axis(protein.atom_mask, columns, axis=1) * rc.restype_atom14_mask[protein.aatype]
    positions = np.take_along_axis(protein.atom_positions, columns[..., None], axis=1)
    apart = int(np.ptp(protein.residue_index)) + 2  # more than any two numbers differ
    with torch.no_grad():
        return find_violations(
            torch.as_tensor(protein.aatype, dtype=torch.int64),
            torch.as_tensor(protein.residue_index + apart * protein.chain_index, dtype=torch.int64),
            torch.as_tensor(positions, dtype=torch.float64),
            torch.as_tensor(exists, dtype=torch.float64),
        )


def violating_residues(protein: Protein) -> Bool[np.ndarray, "N_res"]:
    """Residues of a structure with any violation; unknown residues have none, and an atom that is nowhere (nan) is one."""
    known = protein.atom_mask * rc.restype_atom37_mask[protein.aatype] > 0
    nowhere = (known & ~np.isfinite(protein.atom_positions).all(-1)).any(-1)
    return (find_protein_violations(protein).total_per_residue_violations_mask.numpy() > 0) | nowhere
