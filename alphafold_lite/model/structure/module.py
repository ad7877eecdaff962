"""Structure module (Alg. 20): layers that share their parameters turn s and z into frames, torsions and atoms."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor, nn

from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.model.config import ModelConfig, StructureConfig
from alphafold_lite.model.primitives import LayerNorm, Linear, at_least_float32, full_precision
from alphafold_lite.model.structure.backbone import BackboneUpdate
from alphafold_lite.model.structure.ipa import InvariantPointAttention
from alphafold_lite.model.structure.sidechains import SidechainPredictor, Sidechains


@dataclass(frozen=True, kw_only=True, slots=True)
class Structure:
    """What the structure module gives; a list entry a layer, the last one is the prediction. Frames and atoms in Å."""

    single: Float[Tensor, "*batch N_res c_s"]
    frames: tuple[Rigid, ...]
    sidechains: tuple[Sidechains, ...]


class StructureModule(nn.Module):
    """s `[*, N_res, c_s]`, z `[*, N_res, N_res, c_z]`, aatype and mask `[*, N_res]` -> `Structure`.

    Everything here is computed in float32 or better, under autocast as well.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config.structure
        c = self.config.channels
        self.norm_s = LayerNorm(config.single_channels)
        self.norm_z = LayerNorm(config.pair_channels)
        self.initial = Linear(config.single_channels, c)
        self.ipa = InvariantPointAttention(self.config, config.pair_channels)
        self.norm_ipa = LayerNorm(c)
        self.transition = _transition(self.config)
        self.norm_transition = LayerNorm(c)
        self.backbone = BackboneUpdate(c)
        self.sidechains = SidechainPredictor(self.config)
        self.dropout = nn.Dropout(self.config.dropout)

    def forward(
        self,
        s: Float[Tensor, "*batch N_res c_s"],
        z: Float[Tensor, "*batch N_res N_res c_z"],
        aatype: Int[Tensor, "*batch N_res"],
        mask: Float[Tensor, "*batch N_res"],
    ) -> Structure:
        with full_precision(s.device):
            s_initial = self.norm_s(at_least_float32(s))
            z = self.norm_z(at_least_float32(z))
            s, bias = self.initial(s_initial), self.ipa.pair_bias(z)
            frames = Rigid.identity(tuple(mask.shape), s)
            trajectory: list[Rigid] = []
            sidechains: list[Sidechains] = []
            for _ in range(self.config.num_layers):
                s, frames, atoms = self.layer(s, s_initial, z, frames, aatype=aatype, mask=mask, bias=bias)
                trajectory.append(frames.scaled(self.config.position_scale))
                sidechains.append(atoms)
                frames = Rigid(rotation=frames.rotation.detach(), translation=frames.translation)  # line 20
            return Structure(single=s, frames=tuple(trajectory), sidechains=tuple(sidechains))

    def layer(
        self,
        s: Tensor,
        s_initial: Tensor,
        z: Tensor,
        frames: Rigid,
        *,
        aatype: Tensor,
        mask: Tensor,
        bias: Tensor | None = None,
    ) -> tuple[Tensor, Rigid, Sidechains]:
        """One layer (lines 6-16) on normalised inputs; frames count in units of `position_scale`, `bias` is `ipa.pair_bias(z)`."""
        s = self.norm_ipa(self.dropout(s + self.ipa(s, z, frames, mask, bias)))
        s = self.norm_transition(self.dropout(s + self.transition_update(s)))
        frames = self.backbone(s, frames)
        return s, frames, self.sidechains(s, s_initial, frames.scaled(self.config.position_scale), aatype)

    def transition_update(self, s: Tensor) -> Tensor:
        """Lines 8-9: linear layers with ReLU between."""
        for i, linear in enumerate(self.transition):
            s = linear(s if i == 0 else s.relu())
        return s


def _transition(config: StructureConfig) -> nn.ModuleList:
    last = config.transition_layers - 1
    return nn.ModuleList(
        Linear(config.channels, config.channels, init="zero" if i == last else "relu")
        for i in range(config.transition_layers)
    )
