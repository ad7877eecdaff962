"""Torsion angles and the norm of the raw angle vectors, over all layers of the structure module (Alg. 27)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from alphafold_lite.model.structure.module import at_least_float32
from alphafold_lite.model.structure.sidechains import Sidechains
from alphafold_lite.training.losses.averages import masked_mean
from alphafold_lite.training.targets import Targets

CHI1 = 3  # column of the first side-chain torsion
MEAN_EPSILON = 1e-10  # torsions added to their number
NORM_EPSILON = 1e-6  # under the square root of the norm
ROTAMER_WIDTH = 1.5  # squared distance on the unit circle at which a side-chain torsion counts for 1/e: some 76 degrees


def torsion_loss(
    layers: Sequence[Sidechains], targets: Targets, *, backbone_torsions: bool = False
) -> Float[Tensor, "*batch"]:
    """Squared distance on the unit circle to the true angle or, if nearer, to that of the other naming (Alg. 27, lines 3-4).

    The supplement takes all seven torsions, the reference implementation chi1-4 only, whose backbone FAPE covers the rest.
    """
    return _mean(_errors(layers, targets, 0 if backbone_torsions else CHI1), targets)


def rotamer_loss(layers: Sequence[Sidechains], targets: Targets) -> Float[Tensor, "*batch"]:
    """Share of chi1-4 that miss their rotamer, with a soft border: 1 - exp(-d / `ROTAMER_WIDTH`) with the squared distance d of `torsion_loss`.

    Between two likely rotamers the least expected squared distance lies in the empty middle; the least of this one lies at one of the two.
    The border is so wide that one rotamer still feels the pull of the next, 120 degrees away. Not in AlphaFold.
    """
    return _mean(1 - torch.exp(-_errors(layers, targets, CHI1) / ROTAMER_WIDTH), targets)


def _errors(
    layers: Sequence[Sidechains], targets: Targets, first: int
) -> Float[Tensor, "*batch layers N_res torsions"]:
    """Squared distance of the torsions from column `first` on."""
    predicted = torch.stack([at_least_float32(layer.angles[..., first:, :]) for layer in layers], dim=-4)
    truth, alternative = (
        angles[..., None, :, first:, :] for angles in (targets.torsions, targets.torsions_alternative)
    )
    return torch.minimum((predicted - truth).square().sum(-1), (predicted - alternative).square().sum(-1))


def _mean(values: Float[Tensor, "*batch layers N_res torsions"], targets: Targets) -> Float[Tensor, "*batch"]:
    """Over the torsions that are known, which are the last columns of all, and the layers."""
    mask = targets.weighted(targets.torsions_mask)[..., None, :, -values.shape[-1] :]
    return masked_mean(values, mask, dims=(-3, -2, -1), epsilon=MEAN_EPSILON)


def angle_norm_loss(layers: Sequence[Sidechains], seq_mask: Float[Tensor, "*batch N_res"]) -> Float[Tensor, "*batch"]:
    """How far the raw vectors of all seven torsions are from unit length (Alg. 27, lines 1 and 5)."""
    raw = torch.stack([at_least_float32(layer.unnormalized_angles) for layer in layers], dim=-4)
    error = (torch.sqrt(raw.square().sum(-1) + NORM_EPSILON) - 1).abs()
    return masked_mean(error, seq_mask[..., None, :, None], dims=(-3, -2, -1), epsilon=MEAN_EPSILON)
