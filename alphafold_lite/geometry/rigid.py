"""Rigid transformations: a rotation matrix and a translation (supplement 1.1.1, Alg. 21)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

NORM_EPS = 1e-20  # under the square root of a length; keeps frames of absent atoms finite


def _unit(vector: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    return vector / torch.sqrt(vector.square().sum(-1, keepdim=True) + NORM_EPS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rigid:
    """T = (R, t): x -> R x + t, over any leading dimensions."""

    rotation: Float[Tensor, "*batch 3 3"]
    translation: Float[Tensor, "*batch 3"]

    @classmethod
    def identity(cls, shape: tuple[int, ...], like: Tensor) -> "Rigid":
        """The unit transformation, with the dtype and device of `like`."""
        rotation = torch.eye(3, dtype=like.dtype, device=like.device).expand(*shape, 3, 3)
        return cls(rotation=rotation, translation=like.new_zeros(*shape, 3))

    @classmethod
    def from_axes(cls, x_axis: Tensor, xy_plane: Tensor, origin: Tensor) -> "Rigid":
        """Frame at `origin` with e1 along `x_axis` and `xy_plane` in the half plane of positive e2; all `[*, 3]`."""
        e1 = _unit(x_axis)
        e2 = _unit(xy_plane - e1 * (e1 * xy_plane).sum(-1, keepdim=True))
        e3 = torch.linalg.cross(e1, e2, dim=-1)
        return cls(rotation=torch.stack((e1, e2, e3), dim=-1), translation=origin)

    @classmethod
    def from_three_points(cls, x1: Tensor, x2: Tensor, x3: Tensor) -> "Rigid":
        """Frame from N, CA, C (Alg. 21): origin at `x2`, e1 towards `x3`, `x1` in the xy plane; all `[*, 3]` Å."""
        return cls.from_axes(x3 - x2, x1 - x2, x2)

    def compose(self, other: "Rigid") -> "Rigid":
        """self ∘ other: `other` acts first."""
        return Rigid(rotation=self.rotation @ other.rotation, translation=self.apply(other.translation))

    def apply(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """R x + t; leading dimensions broadcast."""
        return (self.rotation @ points[..., None]).squeeze(-1) + self.translation

    def invert_apply(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Rᵀ (x - t): the points seen from inside the frame."""
        return (self.rotation.transpose(-1, -2) @ (points - self.translation)[..., None]).squeeze(-1)

    def inverse(self) -> "Rigid":
        """T⁻¹."""
        rotation = self.rotation.transpose(-1, -2)
        return Rigid(rotation=rotation, translation=-(rotation @ self.translation[..., None]).squeeze(-1))

    def scaled(self, factor: float) -> "Rigid":
        """The same rotation with the translation in other units."""
        return Rigid(rotation=self.rotation, translation=self.translation * factor)

    def map(self, fn: Callable[[Tensor], Tensor]) -> "Rigid":
        """Apply an indexing, reshaping or detaching of the leading dimensions to both parts."""
        return Rigid(rotation=fn(self.rotation), translation=fn(self.translation))

    def select(self, number: int) -> "Rigid":
        """The transformations at one place of the last batch dimension, such as a rigid group's."""
        return Rigid(rotation=self.rotation[..., number, :, :], translation=self.translation[..., number, :])

    def unsqueeze(self, dim: int) -> "Rigid":
        """A new batch dimension; negative `dim` counts from the last batch dimension."""
        if dim >= 0:
            return Rigid(rotation=self.rotation.unsqueeze(dim), translation=self.translation.unsqueeze(dim))
        return Rigid(rotation=self.rotation.unsqueeze(dim - 2), translation=self.translation.unsqueeze(dim - 1))
