"""Backbone angles as a direct task of the single representation; coordinates and distogram teach it little of local structure."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from alphafold_lite.geometry.torsions import PSI
from alphafold_lite.training.losses.averages import cross_entropy, masked_mean
from alphafold_lite.training.targets import Targets

PHI = 1  # column of the torsions
MEAN_EPSILON = 1e-6  # residues added to their number


def angle_bins(angles: Float[Tensor, "*shape 2"], num_bins: int) -> Int[Tensor, "*shape"]:
    """Class of an angle given as (sin, cos): `num_bins` equal ones from -180 degrees on."""
    turn = torch.atan2(angles[..., 0], angles[..., 1]) / (2 * math.pi) + 0.5
    return (turn * num_bins).long().clamp(0, num_bins - 1)


def backbone_angles_loss(logits: Float[Tensor, "*batch N_res phi_psi"], targets: Targets) -> Float[Tensor, "*batch"]:
    """Cross-entropy of the pair of classes of phi and psi, mean over the residues where both are known. Not in AlphaFold.

    Args:
        logits: of the pairs, number `phi class * num_bins + psi class`.
    """
    num_bins = math.isqrt(logits.shape[-1])
    phi, psi = (angle_bins(targets.torsions[..., column, :], num_bins) for column in (PHI, PSI))
    mask = targets.weighted(targets.torsions_mask[..., PHI] * targets.torsions_mask[..., PSI])
    return masked_mean(cross_entropy(logits, phi * num_bins + psi), mask, dims=(-1,), epsilon=MEAN_EPSILON)
