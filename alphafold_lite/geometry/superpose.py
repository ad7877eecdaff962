"""Least-squares superposition of point sets (Kabsch's algorithm, Acta Cryst. A32, 1976), weighted and batched."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

MIN_WEIGHT = 1e-8  # of all points together: keeps the mean of points without any weight finite


class Superposition(NamedTuple):
    """A proper rotation followed by a translation (Å)."""

    rotation: Float[Tensor, "*batch 3 3"]
    translation: Float[Tensor, "*batch 3"]

    def apply(self, points: Float[Tensor, "*batch N 3"]) -> Float[Tensor, "*batch N 3"]:
        """Move points; computed, like the superposition itself, in float32 at least."""
        return points.to(self.rotation.dtype) @ self.rotation.mT + self.translation[..., None, :]


def superpose(
    moving: Float[Tensor, "*batch N 3"],
    fixed: Float[Tensor, "*batch N 3"],
    weights: Float[Tensor, "*batch N"] | None = None,
) -> Superposition:
    """Rigid motion that brings the first points nearest to the second, by the weighted sum of squared distances.

    Args:
        moving, fixed: corresponding points, Å; [*, N, 3]. Points of weight 0 must still be finite.
        weights: not negative, for instance a mask; [*, N]. All 0, or collinear points, leave the rotation partly undetermined; it is proper anyway.
    """
    dtype = torch.promote_types(torch.promote_types(moving.dtype, fixed.dtype), torch.float32)
    moving, fixed = moving.to(dtype), fixed.to(dtype)
    weight = torch.ones_like(moving[..., 0]) if weights is None else weights.to(dtype)
    share = (weight / weight.sum(-1, keepdim=True).clamp(min=MIN_WEIGHT))[..., None]
    from_centre, to_centre = (share * moving).sum(-2), (share * fixed).sum(-2)
    covariance = (share * (moving - from_centre[..., None, :])).mT @ (fixed - to_centre[..., None, :])
    left, _, right = torch.linalg.svd(covariance)
    mirrored = torch.linalg.det(left) * torch.linalg.det(right) < 0
    signs = torch.ones_like(from_centre)
    signs[..., 2] = torch.where(mirrored, -1.0, 1.0)
    rotation = right.mT @ (signs[..., :, None] * left.mT)
    return Superposition(rotation, to_centre - (rotation @ from_centre[..., None])[..., 0])


def superposed_rmsd(
    moving: Float[Tensor, "*batch N 3"],
    fixed: Float[Tensor, "*batch N 3"],
    weights: Float[Tensor, "*batch N"] | None = None,
) -> Float[Tensor, "*batch"]:
    """Weighted root-mean-square distance after `superpose`, Å; [*]."""
    squares = (superpose(moving, fixed, weights).apply(moving) - fixed).square().sum(-1)
    weight = torch.ones_like(squares) if weights is None else weights.to(squares.dtype)
    return torch.sqrt((weight * squares).sum(-1) / weight.sum(-1).clamp(min=MIN_WEIGHT))
