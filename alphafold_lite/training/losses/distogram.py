"""Distogram loss: distances between CB atoms as classes (supplement 1.9.8, eq. 41)."""

import torch
from jaxtyping import Float
from torch import Tensor

from alphafold_lite.model.config import BinsConfig
from alphafold_lite.training.losses.averages import cross_entropy, masked_mean
from alphafold_lite.training.targets import Targets

MEAN_EPSILON = 1e-6  # pairs added to their number


def bin_edges(bins: BinsConfig, like: Tensor) -> Float[Tensor, "edges"]:
    """Edges between the classes, Å; the first and the last class are open."""
    return torch.linspace(bins.min_bin, bins.max_bin, bins.num_bins - 1, dtype=like.dtype, device=like.device)


def distogram_loss(
    logits: Float[Tensor, "*batch N_res N_res bins"], targets: Targets, bins: BinsConfig
) -> Float[Tensor, "*batch"]:
    """Mean over all pairs of residues, each with itself too, whose CB (CA for glycine) are known."""
    position, mask = targets.pseudo_beta, targets.weighted(targets.pseudo_beta_mask)
    squared = (position[..., :, None, :] - position[..., None, :, :]).square().sum(-1)
    labels = torch.bucketize(squared, bin_edges(bins, squared).square())
    pair_mask = mask[..., :, None] * mask[..., None, :]
    return masked_mean(cross_entropy(logits, labels), pair_mask, dims=(-2, -1), epsilon=MEAN_EPSILON)
