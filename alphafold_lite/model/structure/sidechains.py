"""Torsion angles and all atoms of a residue from its single representation and frame (Alg. 20, lines 11-16; Alg. 24)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from alphafold_lite.geometry import torsions
from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.model.config import StructureConfig
from alphafold_lite.model.primitives import Linear

ANGLE_EPS = 1e-12  # least squared length of (sin, cos) before normalisation


@dataclass(frozen=True, kw_only=True, slots=True)
class Sidechains:
    """Angles as (sin, cos) of omega, phi, psi, chi1-4; frames `[*, N_res, 8]` and atoms in Å."""

    angles: Float[Tensor, "*batch N_res 7 2"]
    unnormalized_angles: Float[Tensor, "*batch N_res 7 2"]
    frames: Rigid
    atom14: Float[Tensor, "*batch N_res 14 3"]


class ResidualBlock(nn.Module):
    """Alg. 20, lines 12-13: x + W2 relu(W1 relu(x))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Linear(channels, channels, init="relu")
        self.second = Linear(channels, channels, init="zero")

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x.relu()).relu())


class SidechainPredictor(nn.Module):
    """s and the initial s `[*, N_res, c_s]`, frames `[*, N_res]` (Å) -> `Sidechains`."""

    def __init__(self, config: StructureConfig) -> None:
        super().__init__()
        width = config.sidechain_channels
        self.single = Linear(config.channels, width)
        self.initial = Linear(config.channels, width)
        self.blocks = nn.ModuleList(ResidualBlock(width) for _ in range(config.sidechain_blocks))
        self.angles = Linear(width, 14)

    def forward(self, s: Tensor, s_initial: Tensor, frames: Rigid, aatype: Int[Tensor, "*batch N_res"]) -> Sidechains:
        x = self.single(s.relu()) + self.initial(s_initial.relu())
        for block in self.blocks:
            x = block(x)
        raw = self.angles(x.relu()).unflatten(-1, (7, 2))
        return build_sidechains(raw, frames, aatype)


def unit_angles(raw: Float[Tensor, "*shape 2"]) -> Float[Tensor, "*shape 2"]:
    """(sin, cos) of unit length."""
    return raw / torch.sqrt(raw.square().sum(-1, keepdim=True).clamp(min=ANGLE_EPS))


def build_sidechains(
    raw: Float[Tensor, "*batch N_res 7 2"], frames: Rigid, aatype: Int[Tensor, "*batch N_res"]
) -> Sidechains:
    """Angles of unit length, and the atoms that they put on the backbone frames (Å)."""
    angles = unit_angles(raw)
    groups = torsions.torsions_to_frames(frames, angles, aatype)
    return Sidechains(
        angles=angles,
        unnormalized_angles=raw,
        frames=groups,
        atom14=torsions.frames_to_atom14(groups, aatype),
    )
