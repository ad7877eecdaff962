"""Loss of the head for aligned errors: the error of each CA seen from each backbone frame, as a class (supplement 1.9.7)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.training.losses.averages import cross_entropy, in_range, masked_mean
from alphafold_lite.training.losses.config import ResolutionRange
from alphafold_lite.training.losses.fape import Placed, squared_distances
from alphafold_lite.training.targets import Targets

MEAN_EPSILON = 1e-8  # pairs added to their number


@torch.no_grad()
def aligned_error_bins(
    predicted: Rigid, truth: Rigid, *, num_bins: int, max_bin: float
) -> Int[Tensor, "*batch N_res N_res"]:
    """Classes of the errors, frames by points. Class 0 is for errors of exactly 0, that of a frame's own origin; the last is open. No gradient.

    Args:
        predicted, truth: backbone frames `[*, N_res]`, Å.
        max_bin: lower edge of the last class, Å.
    """
    seen, true = (Placed(frames=frames, points=frames.translation) for frames in (predicted, truth))
    squared = squared_distances(seen, true)
    edges = torch.linspace(0.0, max_bin, num_bins - 1, dtype=squared.dtype, device=squared.device)
    return torch.bucketize(squared, edges.square())


def pae_loss(
    logits: Float[Tensor, "*batch N_res N_res bins"],
    predicted: Rigid,
    targets: Targets,
    *,
    max_bin: float,
    allowed: ResolutionRange | None,
) -> Float[Tensor, "*batch"]:
    """Mean over pairs of residues whose frames are known; 0 for predicted structures and those outside the resolutions allowed."""
    labels = aligned_error_bins(predicted, targets.backbone, num_bins=logits.shape[-1], max_bin=max_bin)
    mask = targets.backbone_mask[..., :, None] * targets.backbone_mask[..., None, :]
    loss = masked_mean(cross_entropy(logits, labels), mask, dims=(-2, -1), epsilon=MEAN_EPSILON)
    return targets.of_experiments(loss * in_range(targets.resolution, allowed))
