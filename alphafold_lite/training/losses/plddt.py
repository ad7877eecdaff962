"""Loss of the pLDDT head: the lDDT-CA that the prediction has, as a class (supplement 1.9.6, Alg. 29)."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from alphafold_lite.geometry.clashes import pair_distances
from alphafold_lite.model.structure.module import at_least_float32
from alphafold_lite.training.losses.averages import cross_entropy, in_range, masked_mean
from alphafold_lite.training.losses.config import ResolutionRange
from alphafold_lite.training.targets import Targets

CA_SLOT = 1  # column of CA in atom14 and in atom37
INCLUSION_RADIUS = 15.0  # Å in the true structure
THRESHOLDS = (0.5, 1.0, 2.0, 4.0)  # Å
LDDT_EPSILON = (
    1e-10  # pairs added to their number and to those that are right: a residue without neighbours has score 1
)
MEAN_EPSILON = 1e-8  # residues added to their number


class Lddt(NamedTuple):
    """Scores from 0 to 1."""

    per_residue: Float[Tensor, "*batch N_res"]
    whole: Float[Tensor, "*batch"]


def pair_errors(
    predicted: Float[Tensor, "*batch N_res 3"],
    truth: Float[Tensor, "*batch N_res 3"],
    mask: Float[Tensor, "*batch N_res"],
) -> tuple[Float[Tensor, "*batch N_res N_res"], Float[Tensor, "*batch N_res N_res"]]:
    """How far each distance is from the true one (Å, with its gradient), and how much the pair counts for the lDDT.

    Args:
        mask: 1 where the true atom is known, or weights; a pair within 15 Å counts by the product.
    """
    true_distances = pair_distances(truth, truth)
    error = (true_distances - pair_distances(at_least_float32(predicted), at_least_float32(predicted))).abs()
    counted = (true_distances < INCLUSION_RADIUS) * mask[..., :, None] * mask[..., None, :]
    return error, counted * (1 - torch.eye(mask.shape[-1], dtype=mask.dtype, device=mask.device))


@torch.no_grad()
def lddt_ca(
    predicted: Float[Tensor, "*batch N_res 3"],
    truth: Float[Tensor, "*batch N_res 3"],
    mask: Float[Tensor, "*batch N_res"],
) -> Lddt:
    """lDDT of CA atoms (Å), as AlphaFold computes it for training: without stereochemical checks. No gradient.

    Args:
        mask: 1 where the true atom is known; scores elsewhere mean nothing.
    """
    error, counted = pair_errors(predicted, truth, mask)
    right = sum(((error < t).to(error.dtype) for t in THRESHOLDS), torch.zeros_like(error)) / len(THRESHOLDS)
    right, counted = (right * counted).sum(-1), counted.sum(-1)
    return Lddt(
        per_residue=(LDDT_EPSILON + right) / (LDDT_EPSILON + counted),
        whole=(LDDT_EPSILON + right.sum(-1)) / (LDDT_EPSILON + counted.sum(-1)),
    )


def plddt_loss(
    logits: Float[Tensor, "*batch N_res bins"],
    predicted_ca: Float[Tensor, "*batch N_res 3"],
    targets: Targets,
    allowed: ResolutionRange | None,
) -> Float[Tensor, "*batch"]:
    """Mean over residues whose CA is known; 0 for predicted structures and those outside the resolutions allowed. The score carries no gradient."""
    mask, num_bins = targets.atom37_mask[..., CA_SLOT], logits.shape[-1]
    score = lddt_ca(predicted_ca, targets.atom37_positions[..., CA_SLOT, :], mask).per_residue
    labels = (score * num_bins).floor().long().clamp(max=num_bins - 1)
    loss = masked_mean(cross_entropy(logits, labels), mask, dims=(-1,), epsilon=MEAN_EPSILON)
    return targets.of_experiments(loss * in_range(targets.resolution, allowed))
