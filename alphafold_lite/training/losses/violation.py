"""Loss for violations of stereochemistry in the prediction (supplement 1.9.11, eq. 47), and shares of residues that have any."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.geometry.violations import Violations
from alphafold_lite.model.structure.module import at_least_float32
from alphafold_lite.training.losses.averages import masked_mean

ATOMS_EPSILON = 1e-6  # atoms added to their number
MEAN_EPSILON = 1e-10  # residues added to their number
LENGTH_EPSILON = 1e-6  # Å² under the square root of a distance
CA_SLOT = 1  # column of CA in atom14
EXTREME_CA_CA = 1.5  # Å beyond the usual distance of neighbours


@dataclass(frozen=True, kw_only=True, slots=True)
class ViolationMetrics:
    """Shares from 0 to 1: of residues, and of neighbours in the chain for the distances between their CA."""

    violations_extreme_ca_ca_distance: Float[Tensor, "*batch"]
    violations_between_residue_bond: Float[Tensor, "*batch"]
    violations_between_residue_clash: Float[Tensor, "*batch"]
    violations_within_residue: Float[Tensor, "*batch"]
    violations_per_residue: Float[Tensor, "*batch"]


def violation_loss(violations: Violations, atom14_mask: Float[Tensor, "*batch N_res 14"]) -> Float[Tensor, "*batch"]:
    """Bond lengths and angles between residues, and clashes and distances within residues by the number of atoms.

    The reference implementation adds the distances within residues to the terms of eq. 47; so does this.
    """
    between = violations.between_residues
    per_atom = between.clashes_per_atom_loss_sum + violations.within_residues.per_atom_loss_sum
    return (
        between.bonds_c_n_loss_mean
        + between.angles_ca_c_n_loss_mean
        + between.angles_c_n_ca_loss_mean
        + per_atom.sum((-2, -1)) / (ATOMS_EPSILON + atom14_mask.sum((-2, -1)))
    )


@torch.no_grad()
def violation_metrics(
    violations: Violations,
    atom14_positions: Float[Tensor, "*batch N_res 14 3"],
    atom14_mask: Float[Tensor, "*batch N_res 14"],
    residue_index: Int[Tensor, "*batch N_res"],
    seq_mask: Float[Tensor, "*batch N_res"],
) -> ViolationMetrics:
    """Summary of what `find_violations` found in these atoms (Å)."""

    def share(flags: Float[Tensor, "*batch N_res"]) -> Float[Tensor, "*batch"]:
        return masked_mean(flags, seq_mask, dims=(-1,), epsilon=MEAN_EPSILON)

    between, within = violations.between_residues, violations.within_residues
    ca, ca_mask = at_least_float32(atom14_positions[..., CA_SLOT, :]), atom14_mask[..., CA_SLOT]
    distance = torch.sqrt(LENGTH_EPSILON + (ca[..., 1:, :] - ca[..., :-1, :]).square().sum(-1))
    extreme = (distance - rc.ca_ca > EXTREME_CA_CA).to(distance.dtype)
    linked = (residue_index[..., 1:] - residue_index[..., :-1] == 1) * ca_mask[..., 1:] * ca_mask[..., :-1]
    return ViolationMetrics(
        violations_extreme_ca_ca_distance=masked_mean(extreme, linked, dims=(-1,), epsilon=MEAN_EPSILON),
        violations_between_residue_bond=share(between.connections_per_residue_violation_mask),
        violations_between_residue_clash=share(between.clashes_per_atom_clash_mask.amax(-1)),
        violations_within_residue=share(within.per_atom_violations.amax(-1)),
        violations_per_residue=share(violations.total_per_residue_violations_mask),
    )
