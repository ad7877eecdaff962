"""Random structures with ideal residues and predictions near or far from them, for the tests of targets and losses."""

from dataclasses import dataclass, fields, is_dataclass, replace

import torch
from torch import Tensor

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.geometry import atoms, tables, torsions
from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.geometry.rotation import quaternion_to_rotation
from alphafold_lite.model.alphafold import Prediction, Representations
from alphafold_lite.model.batch import Batch
from alphafold_lite.model.heads import HeadLogits
from alphafold_lite.model.structure.module import Structure
from alphafold_lite.model.structure.sidechains import Sidechains
from alphafold_lite.training.losses import MsaTruth
from alphafold_lite.training.targets import Targets, make_targets
from tests.support.random_inputs import random_batch, random_rigid

LAYERS, ROWS, BACKBONE_ANGLE_BINS = 3, 4, 12


@dataclass(frozen=True, kw_only=True)
class Truth:
    """An experimental structure: atoms, and the frames and angles that they were built from."""

    aatype: Tensor
    residue_index: Tensor
    atom37: Tensor
    atom37_mask: Tensor
    seq_mask: Tensor
    resolution: Tensor
    frames: Rigid
    angles: Tensor

    def targets(self) -> Targets:
        return make_targets(
            self.aatype, self.residue_index, self.atom37, self.atom37_mask, self.seq_mask, self.resolution
        )

    def moved(self, motion: Rigid) -> "Truth":
        return replace(self, atom37=motion.apply(self.atom37), frames=motion.compose(self.frames))

    def mirrored(self) -> "Truth":
        return replace(self, atom37=self.atom37 * torch.tensor([-1.0, 1.0, 1.0], dtype=self.atom37.dtype))

    def renamed(self) -> "Truth":
        """With the two names of every ambiguous pair of atoms swapped."""
        order = torch.arange(37).repeat(len(self.aatype), 1)
        for row, number in enumerate(self.aatype.tolist()):
            residue = rc.restype_1to3.get(rc.restypes_with_x[number], "UNK")
            for one, other in rc.residue_atom_renaming_swaps.get(residue, {}).items():
                first, second = rc.atom_order[one], rc.atom_order[other]
                order[row, first], order[row, second] = second, first
        return replace(
            self, atom37=atoms.take_atoms(self.atom37, order), atom37_mask=self.atom37_mask.gather(-1, order)
        )


def _symmetric_ends(atom14: Tensor, groups: Rigid, aatype: Tensor) -> Tensor:
    """The second atom of each ambiguous pair exactly half a turn from the first, which the literature's atoms miss by a degree."""
    atom14 = atom14.clone()
    for row, number in enumerate(aatype.tolist()):
        residue = rc.restype_1to3[rc.restypes[number]]
        names = rc.restype_name_to_atom14_names[residue]
        for one, other in rc.residue_atom_renaming_swaps.get(residue, {}).items():
            first, second = names.index(one), names.index(other)
            chi = int(rc.restype_atom14_to_rigid_group[number, first])
            group = groups.map(lambda t, place=(row, chi): t[place])
            turned = group.invert_apply(atom14[row, first]) * torch.tensor([1.0, -1, -1], dtype=atom14.dtype)
            atom14[row, second] = group.apply(turned)
    return atom14


def random_truth(n: int = 12, *, seed: int = 0, missing: float = 0.0, dtype: torch.dtype = torch.float64) -> Truth:
    """`n` residues of all kinds, ambiguous ones first, strewn about; a jump in the numbers; a share of atoms beyond CB missing."""
    g = torch.Generator().manual_seed(seed)
    aatype = torch.randint(0, 20, (n,), generator=g)
    ambiguous = torch.tensor([rc.restype_order[letter] for letter in "DEFY"])[: max(0, n - 1)]
    aatype[: len(ambiguous)] = ambiguous
    frames = random_rigid((n,), g, dtype)
    angles = torch.randn(n, 7, 2, generator=g, dtype=dtype)
    angles = angles / angles.norm(dim=-1, keepdim=True)
    groups = torsions.torsions_to_frames(frames, angles, aatype)
    atom14 = _symmetric_ends(torsions.frames_to_atom14(groups, aatype), groups, aatype)
    seq_mask = torch.ones(n, dtype=dtype)
    keep = (torch.rand(n, 37, generator=g, dtype=dtype) >= missing).to(dtype)
    keep[:, :5] = 1
    return Truth(
        aatype=aatype,
        residue_index=torch.arange(n) + 5 * (torch.arange(n) >= n // 2),
        atom37=atoms.atom14_to_atom37(atom14, aatype, seq_mask),
        atom37_mask=tables.atom37_exists(aatype, seq_mask) * keep,
        seq_mask=seq_mask,
        resolution=torch.tensor(2.0, dtype=dtype),
        frames=frames,
        angles=angles,
    )


@dataclass(frozen=True, kw_only=True)
class Leaves:
    """What a network would compute; everything else of a prediction follows."""

    quaternions: Tensor  # a rotation of the true frames
    translations: Tensor
    angles: Tensor
    distogram: Tensor
    masked_msa: Tensor
    plddt: Tensor
    resolved: Tensor
    pae: Tensor
    backbone_angles: Tensor

    def map(self, fn) -> "Leaves":
        return Leaves(**{f.name: fn(getattr(self, f.name)) for f in fields(self)})


def random_leaves(truth: Truth, *, noise: float = 1.0, seed: int = 1) -> Leaves:
    """Frames and angles that are `noise` (Å, and as much in other units) away from the truth, and random logits."""
    n, dtype = len(truth.aatype), truth.atom37.dtype
    g = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=g, dtype=dtype)

    whole = torch.cat((torch.ones(LAYERS, n, 1, dtype=dtype), 0.3 * noise * normal(LAYERS, n, 3)), dim=-1)
    return Leaves(
        quaternions=whole,
        translations=truth.frames.translation + noise * normal(LAYERS, n, 3),
        angles=truth.angles + 0.3 * noise * normal(LAYERS, n, 7, 2),
        distogram=normal(n, n, 64),
        masked_msa=normal(ROWS, n, 23),
        plddt=normal(n, 50),
        resolved=normal(n, 37),
        pae=normal(n, n, 64),
        backbone_angles=normal(n, BACKBONE_ANGLE_BINS**2),
    )


def predict(truth: Truth, leaves: Leaves) -> Prediction:
    """A prediction for the residues of `truth`, by the geometry of the structure module."""
    aatype, seq_mask = truth.aatype, truth.seq_mask
    frames: list[Rigid] = []
    sidechains: list[Sidechains] = []
    for quaternion, translation, raw in zip(leaves.quaternions, leaves.translations, leaves.angles, strict=True):
        unit = quaternion / quaternion.norm(dim=-1, keepdim=True)
        layer = Rigid(rotation=truth.frames.rotation @ quaternion_to_rotation(unit), translation=translation)
        angles = raw / raw.norm(dim=-1, keepdim=True)
        groups = torsions.torsions_to_frames(layer, angles, aatype)
        atom14 = torsions.frames_to_atom14(groups, aatype)
        frames.append(layer)
        sidechains.append(Sidechains(angles=angles, unnormalized_angles=raw, frames=groups, atom14=atom14))
    atom14 = sidechains[-1].atom14 * seq_mask[:, None, None]
    nothing = seq_mask.new_zeros(len(aatype), 0)
    return Prediction(
        atom37_positions=atoms.atom14_to_atom37(atom14, aatype, seq_mask),
        atom37_mask=tables.atom37_exists(aatype, seq_mask),
        atom14_positions=atom14,
        atom14_mask=tables.atom14_exists(aatype, seq_mask),
        logits=HeadLogits(
            distogram=leaves.distogram,
            masked_msa=leaves.masked_msa,
            plddt=leaves.plddt,
            resolved=leaves.resolved,
            pae=leaves.pae,
            backbone_angles=leaves.backbone_angles,
        ),
        representations=Representations(
            msa=nothing[None],
            msa_first_row=nothing,
            pair=nothing.new_zeros(len(aatype), len(aatype), 0),
            single=nothing,
        ),
        structure=Structure(single=nothing, frames=tuple(frames), sidechains=tuple(sidechains)),
    )


def network_input(truth: Truth, *, seed: int = 2) -> tuple[Batch, MsaTruth]:
    """The sequence of `truth` with a random MSA of which a third is to be guessed."""
    n, dtype = len(truth.aatype), truth.atom37.dtype
    g = torch.Generator().manual_seed(seed)
    batch = random_batch(n=n, s=ROWS, t=0, dtype=dtype)
    batch = replace(
        batch,
        aatype=truth.aatype,
        residue_index=truth.residue_index,
        seq_mask=truth.seq_mask,
        msa=replace(batch.msa, mask=truth.seq_mask.expand(ROWS, n)),
    )
    asked = (torch.rand(ROWS, n, generator=g) < 1 / 3).to(dtype)
    return batch, MsaTruth(true_msa=torch.randint(0, 22, (ROWS, n), generator=g), bert_mask=asked)


def noisy(positions: Tensor, scale: float, seed: int = 0) -> Tensor:
    """Positions with as much noise in each coordinate."""
    generator = torch.Generator().manual_seed(seed)
    return positions + scale * torch.randn(positions.shape, generator=generator, dtype=positions.dtype)


def stacked(items):
    """Containers of equal shapes as one with a leading dimension."""
    first = items[0]
    if first is None:
        return None
    if isinstance(first, Tensor):
        return torch.stack(items)
    if isinstance(first, tuple):
        return tuple(stacked(parts) for parts in zip(*items, strict=True))
    assert is_dataclass(first)
    return type(first)(**{f.name: stacked([getattr(item, f.name) for item in items]) for f in fields(first)})
