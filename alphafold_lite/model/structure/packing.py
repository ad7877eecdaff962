"""Side chains packed on a backbone: messages between near residues turn residue types and backbone atoms into torsion angles.

Not in AlphaFold 2. It reads coordinates and residue types alone, so that the experimental backbones of few chains teach it.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.geometry.torsions import PSI, torsion
from alphafold_lite.metrics.backbone import LONGEST_LINK
from alphafold_lite.model.config import PackingConfig
from alphafold_lite.model.primitives import LayerNorm, Linear, full_precision
from alphafold_lite.model.structure.sidechains import Sidechains, build_sidechains, unit_angles

NUM_ATOMS = 4  # N, CA, C and O, the first columns of atom14
NUM_TYPES = len(rc.restypes)
NUM_TORSIONS = 3  # omega, phi and psi, the first columns of the torsions
IDEAL_CB = rc.restype_atom37_rigid_group_positions[
    rc.restype_order["A"], rc.atom_order["CB"]
]  # Å, in the backbone frame
LEAST_DISTANCE, MOST_DISTANCE, NUM_DISTANCES = 2.0, 18.0, 16  # Å: centres of the Gaussians that stand for a distance
DISTANCE_WIDTH = 1.2  # Å
FAR = 1e4  # Å, added to distances to residues that are not there
UNIT = 10.0  # Å a unit of length inside; neighbours whose messages count as one, too
MOST_APART = 32  # along the chain; farther residues look alike


class SidechainPacker(nn.Module):
    """aatype, atoms N, CA, C, O `[*, N_res, 4, 3]` (Å) and mask `[*, N_res]` -> raw (sin, cos) of omega, phi, psi, chi1-4.

    Residues are nodes, the nearest by CB (itself too) their neighbours. Chain breaks are not looked for.
    """

    def __init__(self, config: PackingConfig) -> None:
        super().__init__()
        self.config = config
        c = config.channels
        self.types = nn.Embedding(len(rc.restypes_with_x), c)
        self.torsions = Linear(3 * NUM_TORSIONS * 2, c)
        self.geometry = Linear((NUM_ATOMS + 1) * NUM_DISTANCES + 9 + 3 + 3, c)
        self.apart = nn.Embedding(2 * MOST_APART + 1, c)
        self.layers = nn.ModuleList(_Layer(c, config.dropout) for _ in range(config.num_layers))
        self.angles = Linear(c, 14)
        self.hidden_types = Linear(c, NUM_TYPES)

    def forward(
        self,
        aatype: Int[Tensor, "*batch N_res"],
        backbone: Float[Tensor, "*batch N_res 4 3"],
        mask: Float[Tensor, "*batch N_res"],
    ) -> Float[Tensor, "*batch N_res 7 2"]:
        return self.angles(self.nodes(aatype, backbone, mask)).unflatten(-1, (7, 2))

    def recover_types(
        self,
        aatype: Int[Tensor, "*batch N_res"],
        backbone: Float[Tensor, "*batch N_res 4 3"],
        mask: Float[Tensor, "*batch N_res"],
    ) -> Float[Tensor, "*batch N_res 20"]:
        """Logits of the residue types, some of which are hidden in `aatype` (X). Only training asks for them: backbones without side chains, too,
        teach which residue fits where."""
        return self.hidden_types(self.nodes(aatype, backbone, mask))

    def nodes(
        self,
        aatype: Int[Tensor, "*batch N_res"],
        backbone: Float[Tensor, "*batch N_res 4 3"],
        mask: Float[Tensor, "*batch N_res"],
    ) -> Float[Tensor, "*batch N_res c"]:
        """What each residue has heard of its neighbours."""
        if self.training and self.config.noise:
            backbone = backbone + self.config.noise * torch.randn_like(backbone)
        with full_precision(backbone.device):
            near, torsions, geometry, apart = self._look(aatype, backbone, mask)
        types = self.types(aatype)
        nodes = types + self.torsions(torsions)
        edges = self.geometry(geometry) + self.apart(apart) + _of(types, near)
        weights = _of(mask[..., None], near)
        for layer in self.layers:
            nodes = layer(nodes, edges, near, weights)
        return nodes

    def _look(
        self, aatype: Tensor, backbone: Tensor, mask: Tensor
    ) -> tuple[
        Int[Tensor, "*batch N_res K"],
        Float[Tensor, "*batch N_res torsions"],
        Float[Tensor, "*batch N_res K features"],
        Int[Tensor, "*batch N_res K"],
    ]:
        """Numbers of the neighbours, backbone torsions of each residue and of those before and after it, where neighbours are seen from
        it, how far apart in the chain they are."""
        n, ca, c, _ = backbone.unbind(-2)
        frames = Rigid.from_three_points(n, ca, c)
        cb = frames.apply(backbone.new_tensor(IDEAL_CB).expand_as(ca))
        absent = 1 - mask[..., :, None] * mask[..., None, :]
        distances = torch.cdist(cb, cb) + FAR * absent
        near = distances.topk(min(self.config.neighbours, cb.shape[-2]), largest=False).indices

        there = (_of(torch.cat((backbone, cb[..., None, :]), dim=-2).flatten(-2), near)).unflatten(
            -1, (NUM_ATOMS + 1, 3)
        )
        own = Rigid(rotation=frames.rotation, translation=cb).unsqueeze(-1)
        place = own.invert_apply(there[..., -1, :])
        lengths = (there - cb[..., None, None, :]).square().sum(-1).sqrt()
        centres = torch.linspace(LEAST_DISTANCE, MOST_DISTANCE, NUM_DISTANCES, device=cb.device, dtype=cb.dtype)
        close = torch.exp(-(((lengths[..., None] - centres) / DISTANCE_WIDTH) ** 2)).flatten(-2)
        turned = own.rotation.transpose(-1, -2) @ _of(frames.rotation.flatten(-2), near).unflatten(-1, (3, 3))
        direction = place / (lengths[..., -1:] + 1e-6)
        geometry = torch.cat((close, turned.flatten(-2), direction, place / UNIT), dim=-1)

        places = torch.arange(cb.shape[-2], device=cb.device)
        apart = (near - places[:, None]).clamp(-MOST_APART, MOST_APART) + MOST_APART
        return near, _torsions(backbone, mask * (aatype < NUM_TYPES)), geometry, apart

    def pack(
        self,
        sidechains: Sidechains,
        aatype: Int[Tensor, "*batch N_res"],
        mask: Float[Tensor, "*batch N_res"],
        plddt: Float[Tensor, "*batch N_res"],
    ) -> Sidechains:
        """The same with O in the plane of its peptide bond, and chi1-4 packed anew where pLDDT says that the backbone is worth it
        (`PackingConfig.least_plddt`)."""
        with full_precision(mask.device):
            frames = sidechains.frames.select(0)
            before, chi = sidechains.angles[..., :PSI, :], sidechains.angles[..., NUM_TORSIONS:, :]
            present = mask * (aatype < NUM_TYPES)  # all atoms of X lie at the origin
            psi = _psi(sidechains, present)[..., None, :]
            straight = build_sidechains(torch.cat((before, psi, chi), dim=-2), frames, aatype)
            raw = self(aatype, straight.atom14[..., :NUM_ATOMS, :], present)
            packed = unit_angles(raw[..., NUM_TORSIONS:, :])
            trusted = (plddt >= self.config.least_plddt)[..., None, None]
            return build_sidechains(torch.cat((before, psi, torch.where(trusted, packed, chi)), dim=-2), frames, aatype)


class _Layer(nn.Module):
    """Messages from the neighbours, then a transition; both residual."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.own, self.other, self.edge = (Linear(channels, channels, init="relu") for _ in range(3))
        self.message = Linear(channels, channels, init="relu")
        self.update = Linear(channels, channels)
        self.norm = LayerNorm(channels)
        self.first = Linear(channels, 2 * channels, init="relu")
        self.second = Linear(2 * channels, channels)
        self.norm_transition = LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, nodes: Tensor, edges: Tensor, near: Tensor, weights: Tensor) -> Tensor:
        """nodes `[*, N_res, c]`, edges `[*, N_res, K, c]`, near `[*, N_res, K]`, weights `[*, N_res, K, 1]`."""
        hidden = self.edge(edges) + _of(self.other(nodes), near) + self.own(nodes)[..., None, :]
        messages = (self.message(hidden.relu()).relu() * weights).sum(-2) / UNIT
        nodes = self.norm(nodes + self.dropout(self.update(messages)))
        return self.norm_transition(nodes + self.dropout(self.second(self.first(nodes).relu())))


def _of(
    values: Float[Tensor, "*batch N_res c"], near: Int[Tensor, "*batch N_res K"]
) -> Float[Tensor, "*batch N_res K c"]:
    """What stands at the neighbours."""
    index = near.flatten(-2)[..., None].expand(*near.shape[:-2], -1, values.shape[-1])
    return values.gather(-2, index).unflatten(-2, near.shape[-2:])


def _psi(sidechains: Sidechains, present: Float[Tensor, "*batch N_res"]) -> Float[Tensor, "*batch N_res 2"]:
    """(sin, cos) of psi, to which O is placed: as the next residue's N has it where the two are bonded, else as predicted."""
    n, ca, c = sidechains.atom14[..., :3, :].unbind(-2)
    following, there = _shifted(n, -1), present * _shifted(present[..., None], -1)[..., 0]
    bonded = ((following - c).square().sum(-1) < LONGEST_LINK**2) & (there > 0)
    return torch.where(bonded[..., None], torsion(n, ca, c, following), sidechains.angles[..., PSI, :])


def _torsions(
    backbone: Float[Tensor, "*batch N_res 4 3"], known: Float[Tensor, "*batch N_res"]
) -> Float[Tensor, "*batch N_res torsions"]:
    """(sin, cos) of omega, phi and psi of the residue before, of this and of the one behind; 0 where there is none."""
    n, ca, c, o = backbone.unbind(-2)
    ca_before, c_before = _shifted(ca, 1), _shifted(c, 1)
    linked = known * _shifted(known[..., None], 1)[..., 0]
    omega, phi, psi = torsion(ca_before, c_before, n, ca), torsion(c_before, n, ca, c), -torsion(n, ca, c, o)
    found = torch.stack((omega, phi, psi), dim=-2)
    own = (found * torch.stack((linked, linked, known), dim=-1)[..., None]).flatten(-2)
    return torch.cat((_shifted(own, 1), own, _shifted(own, -1)), dim=-1)


def _shifted(values: Float[Tensor, "*batch N_res c"], by: int) -> Float[Tensor, "*batch N_res c"]:
    """Values of the residue before (1) or behind (-1); 0 where there is none."""
    return torch.nn.functional.pad(values, (0, 0, by, -by))
