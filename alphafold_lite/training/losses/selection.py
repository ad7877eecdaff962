"""Picking the atoms and frames that are there, so that no pair with an absent one is computed."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from alphafold_lite.geometry.rigid import Rigid


def present(mask: Float[Tensor, "*batch n"]) -> Int[Tensor, "*batch k"]:
    """Columns that are 1, in their order; where examples have different numbers of them, shorter lists end with columns that are 0.

    A residue has about half of the 14 atoms and of the 8 groups of the layout.
    """
    most = int((mask > 0).sum(-1).max())
    return torch.argsort(mask, dim=-1, descending=True, stable=True)[..., :most]


def pick_points(points: Float[Tensor, "*batch n 3"], index: Int[Tensor, "*batch k"]) -> Float[Tensor, "*batch k 3"]:
    """Points by their number."""
    return points.gather(-2, index[..., None].expand(*index.shape, 3))


def pick_frames(frames: Rigid, index: Int[Tensor, "*batch k"]) -> Rigid:
    """Frames `[*, n]` by their number: `[*, k]`."""
    rotation = frames.rotation.gather(-3, index[..., None, None].expand(*index.shape, 3, 3))
    return Rigid(rotation=rotation, translation=pick_points(frames.translation, index))
