"""Distances between residues that are near in the sequence, over all layers of the structure module.

Where a fold is unsure, the least expected FAPE draws its strands together. How far apart two CA atoms a few places from each other are is
less unsure, and is asked for here.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from alphafold_lite.model.structure.module import at_least_float32
from alphafold_lite.training.losses.averages import masked_mean
from alphafold_lite.training.targets import Targets

NEAR_RESIDUES = 6
SQUARED_FLOOR = 1e-4  # Å² under the square root
MEAN_EPSILON = 1e-6  # pairs added to their number


def near_distance_loss(layers: Sequence[Float[Tensor, "*batch N_res 3"]], targets: Targets) -> Float[Tensor, "*batch"]:
    """Mean absolute error, in Å, of the distances between CA atoms that are 1 to `NEAR_RESIDUES` apart by residue number. Not in AlphaFold.

    Args:
        layers: predicted CA atoms of each layer, Å.
        targets: for the true ones and which of them are known; where they have weights, a pair counts by the product of its residues'.
    """
    predicted = torch.stack([at_least_float32(positions) for positions in layers], dim=-3)
    truth, mask = targets.backbone.translation[..., None, :, :], targets.weighted(targets.backbone_mask)[..., None, :]
    index = targets.residue_index[..., None, :]
    errors: list[Tensor] = []
    counted: list[Tensor] = []
    for offset in range(1, NEAR_RESIDUES + 1):
        apart = (index[..., offset:] - index[..., :-offset]).abs()
        counted.append(mask[..., offset:] * mask[..., :-offset] * (apart <= NEAR_RESIDUES))
        errors.append((_distances(predicted, offset) - _distances(truth, offset)).abs())
    return masked_mean(torch.cat(errors, -1), torch.cat(counted, -1), dims=(-2, -1), epsilon=MEAN_EPSILON)


def _distances(positions: Float[Tensor, "*layers N_res 3"], offset: int) -> Float[Tensor, "*layers pairs"]:
    """Of each residue from the one `offset` places on, Å."""
    steps = positions[..., offset:, :] - positions[..., :-offset, :]
    return torch.sqrt(steps.square().sum(-1) + SQUARED_FLOOR)
