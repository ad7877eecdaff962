"""Masked averages and cross-entropies that several terms share; float32 at least."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from alphafold_lite.model.structure.module import at_least_float32
from alphafold_lite.training.losses.config import ResolutionRange


def masked_mean(values: Tensor, mask: Tensor, *, dims: tuple[int, ...], epsilon: float) -> Tensor:
    """Mean of `values` over `dims` where the mask, which broadcasts and may hold weights, is 1; 0 where it is 1 nowhere, for which `epsilon` is there."""
    mask = mask.to(values.dtype).expand(values.shape)
    return (values * mask).sum(dims) / (epsilon + mask.sum(dims))


def cross_entropy(logits: Float[Tensor, "*shape classes"], labels: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Negative logarithm of the probability of the right class."""
    flat = F.cross_entropy(at_least_float32(logits).flatten(0, -2), labels.flatten(), reduction="none")
    return flat.reshape(labels.shape)


def in_range(resolution: Float[Tensor, "*batch"], allowed: ResolutionRange | None) -> Bool[Tensor, "*batch"]:
    """Whether a structure of this resolution (Å) teaches the head that asks."""
    if allowed is None:
        return torch.ones_like(resolution, dtype=torch.bool)
    return (resolution >= allowed.lowest) & (resolution <= allowed.highest)
