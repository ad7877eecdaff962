"""Frame-aligned point error (Alg. 28) of the backbone in every layer and of all atoms in the last (Alg. 20, lines 17 and 28).

As in the reference implementation, the small number under the square root is 1e-4 Å² everywhere and is also added once to the number of pairs.
Products are written out, so that no matrix unit rounds coordinates to fewer bits, in the backward pass either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.model.structure.module import at_least_float32
from alphafold_lite.model.structure.sidechains import Sidechains
from alphafold_lite.training.losses.config import FapeConfig
from alphafold_lite.training.losses.renaming import Renamed
from alphafold_lite.training.losses.selection import pick_frames, pick_points, present
from alphafold_lite.training.targets import Targets

FAPE_EPSILON = 1e-4  # Å² under the square root; and added to the number of pairs


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """Frames `[*, F]` and the points `[*, P, 3]` that are looked at from each of them, Å."""

    frames: Rigid
    points: Float[Tensor, "*batch P 3"]

    def local(self) -> tuple[Float[Tensor, "*batch F P"], Float[Tensor, "*batch F P"], Float[Tensor, "*batch F P"]]:
        """The three coordinates of every point in every frame, Rᵀ (x - t); float32 at least."""
        points, origins = (at_least_float32(p).unbind(-1) for p in (self.points, self.frames.translation))
        x, y, z = (p[..., None, :] - origin[..., :, None] for p, origin in zip(points, origins, strict=True))
        rotation = at_least_float32(self.frames.rotation)[..., None]

        def along(axis: int) -> Float[Tensor, "*batch F P"]:
            first = torch.addcmul(x * rotation[..., 0, axis, :], y, rotation[..., 1, axis, :])
            return torch.addcmul(first, z, rotation[..., 2, axis, :])

        return along(0), along(1), along(2)


def squared_distances(predicted: Placed, target: Placed) -> Float[Tensor, "*batch F P"]:
    """Of each predicted point from the true one, when a predicted frame is laid on its true one; Å²."""
    x, y, z = (seen - true for seen, true in zip(predicted.local(), target.local(), strict=True))
    return torch.addcmul(torch.addcmul(x * x, y, y), z, z)


def aligned_distances(predicted: Placed, target: Placed) -> Float[Tensor, "*batch F P"]:
    """The root of `squared_distances`, at least 0.01 Å (Alg. 28, lines 1-3)."""
    return torch.sqrt(squared_distances(predicted, target) + FAPE_EPSILON)


def average_error(
    distances: Float[Tensor, "*#batch F P"],
    frames_mask: Float[Tensor, "*#batch F"],
    points_mask: Float[Tensor, "*#batch P"],
    length_scale: float,
) -> Float[Tensor, "*#batch"]:
    """Mean over frames and points that are known, in units of `length_scale` (Alg. 28, line 4); masks may be weights."""
    masked = distances * frames_mask[..., :, None] * points_mask[..., None, :]
    pairs = frames_mask.sum(-1) * points_mask.sum(-1)
    return masked.sum((-2, -1)) / (FAPE_EPSILON + pairs) / length_scale


def backbone_fape(
    layers: Sequence[Rigid], targets: Targets, clamped: Float[Tensor, "*batch"], config: FapeConfig
) -> Float[Tensor, "*batch layers"]:
    """FAPE of the CA atoms in the backbone frames of every layer (Alg. 20, line 17).

    Args:
        layers: predicted frames `[*, N_res]` of each layer, Å.
        targets: for the true frames and which of them are known.
        clamped: share of the clamped error in the loss, the rest being unclamped; 1 or 0 for one of them (supplement 1.9.2, 1.11.5).
    """
    frames = Rigid(
        rotation=torch.stack([f.rotation for f in layers], dim=-4),
        translation=torch.stack([f.translation for f in layers], dim=-3),
    )
    truth = Rigid(
        rotation=targets.backbone.rotation[..., None, :, :, :],
        translation=targets.backbone.translation[..., None, :, :],
    )
    mask = targets.weighted(targets.backbone_mask)[..., None, :]
    distances = aligned_distances(
        Placed(frames=frames, points=frames.translation), Placed(frames=truth, points=truth.translation)
    )
    share = clamped[..., None, None, None].to(distances.dtype)
    distances = share * distances.clamp(max=config.clamp) + (1 - share) * distances
    return average_error(distances, mask, mask, config.length_scale)


def sidechain_fape(
    predicted: Sidechains, targets: Targets, renamed: Renamed, config: FapeConfig
) -> Float[Tensor, "*batch"]:
    """Clamped FAPE of all atoms in all rigid groups of the last layer, with ambiguous atoms named as suits the prediction (Alg. 20, line 28)."""
    frames_mask = targets.groups.exists.flatten(-2)
    points_mask = renamed.atom14_mask.flatten(-2)
    frames, points = present(frames_mask), present(points_mask)

    def place(groups: Rigid, atoms: Float[Tensor, "*batch N_res 14 3"]) -> Placed:
        flat = Rigid(rotation=groups.rotation.flatten(-4, -3), translation=groups.translation.flatten(-3, -2))
        return Placed(frames=pick_frames(flat, frames), points=pick_points(atoms.flatten(-3, -2), points))

    distances = aligned_distances(
        place(predicted.frames, predicted.atom14), place(renamed.groups, renamed.atom14_positions)
    )
    frames_mask = targets.weighted(targets.groups.exists).flatten(-2).gather(-1, frames)
    points_mask = targets.weighted(renamed.atom14_mask).flatten(-2).gather(-1, points)
    return average_error(distances.clamp(max=config.clamp), frames_mask, points_mask, config.length_scale)
