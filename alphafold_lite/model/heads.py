"""Output heads; they return logits and nothing else (supplement 1.9; Alg. 29). Scores are made in `confidence`."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.model.config import HeadsConfig, ModelConfig
from alphafold_lite.model.primitives import LayerNorm, Linear


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadLogits:
    """Logits of all heads; None where the model has no such head."""

    distogram: Float[Tensor, "*batch N_res N_res bins"]
    masked_msa: Float[Tensor, "*batch N_clust N_res 23"]
    plddt: Float[Tensor, "*batch N_res 50"]
    resolved: Float[Tensor, "*batch N_res 37"]
    pae: Float[Tensor, "*batch N_res N_res 64"] | None
    backbone_angles: Float[Tensor, "*batch N_res phi_psi"] | None = None  # pairs of classes, phi first


class LinearHead(nn.Module):
    """A single linear layer to logits."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.logits = Linear(channels, classes, init="zero")

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(x)


class DistogramHead(LinearHead):
    """Symmetric distance distribution (supplement 1.9.8): z `[*, N_res, N_res, c_z]`."""

    def forward(self, x: Tensor) -> Tensor:
        half = self.logits(x)
        return half + half.transpose(-2, -3)


class PlddtHead(nn.Module):
    """Per-residue lDDT-Cα distribution (Alg. 29) from the structure module's s `[*, N_res, c_s]`."""

    def __init__(self, channels: int, config: HeadsConfig) -> None:
        super().__init__()
        width = config.plddt_channels
        self.norm = LayerNorm(channels)
        self.first = Linear(channels, width, init="relu")
        self.second = Linear(width, width, init="relu")
        self.logits = Linear(width, config.plddt_bins, init="zero")

    def forward(self, s: Tensor) -> Tensor:
        x = self.first(self.norm(s)).relu()
        return self.logits(self.second(x).relu())


class Heads(nn.Module):
    """All heads (Alg. 2, line 23 and supplement 1.9.7-1.9.10)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        heads = config.heads
        self.distogram = DistogramHead(config.pair_channels, heads.distogram.num_bins)
        self.masked_msa = LinearHead(config.msa_channels, heads.masked_msa_classes)
        self.plddt = PlddtHead(config.structure.channels, heads)
        self.resolved = LinearHead(config.single_channels, len(rc.atom_types))
        self.pae = LinearHead(config.pair_channels, heads.pae_bins) if heads.pae else None
        pairs = heads.backbone_angle_bins**2
        self.backbone_angles = LinearHead(config.single_channels, pairs) if pairs else None

    def forward(self, m: Tensor, z: Tensor, s: Tensor, s_structure: Tensor) -> HeadLogits:
        """m `[*, N_clust, N_res, c_m]`, z, s from the trunk, s_structure from the structure module."""
        return HeadLogits(
            distogram=self.distogram(z),
            masked_msa=self.masked_msa(m),
            plddt=self.plddt(s_structure),
            resolved=self.resolved(s),
            pae=None if self.pae is None else self.pae(z),
            backbone_angles=None if self.backbone_angles is None else self.backbone_angles(s),
        )
