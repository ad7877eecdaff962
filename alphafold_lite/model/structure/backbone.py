"""Backbone update (Alg. 23)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.geometry.rotation import quaternion_to_rotation
from alphafold_lite.model.primitives import Linear


def update_frames(frames: Rigid, update: Float[Tensor, "*batch 6"]) -> Rigid:
    """frames ∘ T, where T has the quaternion (1, b, c, d) made a unit one and the translation of `update` = (b, c, d, x, y, z)."""
    vector, translation = update[..., :3], update[..., 3:]
    quaternion = torch.cat((torch.ones_like(vector[..., :1]), vector), dim=-1)
    quaternion = quaternion / torch.linalg.vector_norm(quaternion, dim=-1, keepdim=True)
    return frames.compose(Rigid(rotation=quaternion_to_rotation(quaternion), translation=translation))


class BackboneUpdate(nn.Module):
    """Move each residue's frame by a predicted step: s `[*, N_res, c_s]`, frames `[*, N_res]` -> frames."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.update = Linear(channels, 6, init="zero")

    def forward(self, s: Float[Tensor, "*batch N_res c_s"], frames: Rigid) -> Rigid:
        return update_frames(frames, self.update(s))
