"""What the losses compare with: everything that follows from the atoms of a known structure (supplement 1.8.5, 1.9 and Alg. 26)."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.geometry import atoms, tables
from alphafold_lite.geometry.frames import GroupFrames, atom37_to_frames
from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.geometry.torsions import torsion_angles
from alphafold_lite.model.batch import map_tensors

BACKBONE_ATOMS = tuple(rc.atom_order[name] for name in ("N", "CA", "C", "CB", "O"))  # columns of atom37
NUM_LINKED_TORSIONS = 2  # pre-omega and phi, which also need the residue before


@dataclass(frozen=True, kw_only=True, slots=True)
class Targets:
    """One example or a stack of them, Å. Masks are 1 where the truth is known; elsewhere values are finite and mean nothing.

    Fields ending in `_alternative` hold the same structure with the atoms of symmetric ends named the other way round (Alg. 26).
    """

    aatype: Int[Tensor, "*batch N_res"]
    residue_index: Int[Tensor, "*batch N_res"]
    seq_mask: Float[Tensor, "*batch N_res"]
    resolution: Float[Tensor, "*batch"]  # Å; 0 where the method has none
    atom37_positions: Float[Tensor, "*batch N_res 37 3"]
    atom37_mask: Float[Tensor, "*batch N_res 37"]
    resolved_mask: Float[Tensor, "*batch N_res 37"]  # atoms of which it is known whether the experiment resolved them
    atom14_positions: Float[Tensor, "*batch N_res 14 3"]
    atom14_mask: Float[Tensor, "*batch N_res 14"]
    atom14_positions_alternative: Float[Tensor, "*batch N_res 14 3"]
    atom14_mask_alternative: Float[Tensor, "*batch N_res 14"]
    atom14_is_ambiguous: Float[Tensor, "*batch N_res 14"]
    backbone: Rigid  # [*, N_res]
    backbone_mask: Float[Tensor, "*batch N_res"]
    groups: GroupFrames  # [*, N_res, 8]
    torsions: Float[Tensor, "*batch N_res 7 2"]  # (sin, cos) of pre-omega, phi, psi, chi1-4
    torsions_alternative: Float[Tensor, "*batch N_res 7 2"]
    torsions_mask: Float[Tensor, "*batch N_res 7"]
    pseudo_beta: Float[Tensor, "*batch N_res 3"]
    pseudo_beta_mask: Float[Tensor, "*batch N_res"]

    def weighted(self, mask: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """A mask `[*batch, N_res, ...]` times what the residues count in terms that compare structures: 1 in an experimental structure."""
        return mask

    def of_experiments(self, loss: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """A loss of heads that say how far predictions are to be trusted, which experimental structures alone can teach."""
        return loss

    def map(self, fn: Callable[[Tensor], Tensor]) -> "Targets":
        """Apply `fn` to every tensor, for example to move or to add a leading dimension."""
        return map_tensors(self, fn)


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightedTargets(Targets):
    """Examples some of which are predictions (self-distillation, supplement 1.3)."""

    weights: Float[Tensor, "*batch N_res"]  # 0-1; 1 in experimental structures
    is_experimental: Float[Tensor, "*batch"]

    @classmethod
    def of(cls, targets: Targets, *, weights: Tensor, is_experimental: Tensor) -> "WeightedTargets":
        """The same targets with weights."""
        same = {f.name: getattr(targets, f.name) for f in fields(targets)}
        return cls(**same, weights=weights, is_experimental=is_experimental)

    def weighted(self, mask: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return mask * self.weights.reshape(self.weights.shape + (1,) * (mask.ndim - self.weights.ndim))

    def of_experiments(self, loss: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        return loss * self.is_experimental


def make_targets(
    aatype: Int[Tensor, "*batch N_res"],
    residue_index: Int[Tensor, "*batch N_res"],
    atom37_positions: Float[Tensor, "*batch N_res 37 3"],
    atom37_mask: Float[Tensor, "*batch N_res 37"],
    seq_mask: Float[Tensor, "*batch N_res"],
    resolution: Float[Tensor, "*batch"],
) -> Targets:
    """Targets of a structure. Whatever stands at masked atoms (nan, too) is not read.

    A structure in which no residue has an atom beyond N, CA, C, O and CB is taken for the backbone of one: its side chains are unknown and not
    unresolved. The torsions pre-omega and phi are masked where the residue before has not the number before.

    Args:
        aatype: residue types 0-20.
        residue_index: numbers of the residues, as the network gets them.
        atom37_positions: Å.
        atom37_mask: 1 for the atoms that the experiment resolved.
        seq_mask: 0 at padding.
        resolution: Å, 0 where there is none (supplement 1.9.6).
    """
    mask = atom37_mask.to(atom37_positions.dtype) * seq_mask[..., None]
    positions = torch.where(mask[..., None] > 0, atom37_positions, 0)
    atom14 = atoms.atom37_to_atom14(positions, aatype, seq_mask)
    column = tables.lookup("restype_atom14_to_atom37", aatype, torch.int64)
    atom14_mask = mask.gather(-1, column) * tables.atom14_exists(aatype, seq_mask)
    other_name = tables.lookup("renaming_matrices", aatype, torch.int64).argmax(-1)
    with torch.autocast(device_type=positions.device.type, enabled=False):
        groups = atom37_to_frames(aatype, positions, mask)
        torsions, alternative, torsions_mask = torsion_angles(aatype, positions, mask)
    return Targets(
        aatype=aatype,
        residue_index=residue_index,
        seq_mask=seq_mask,
        resolution=resolution,
        atom37_positions=positions,
        atom37_mask=mask,
        resolved_mask=_resolved_mask(mask) * tables.atom37_exists(aatype, seq_mask),
        atom14_positions=atom14,
        atom14_mask=atom14_mask,
        atom14_positions_alternative=atoms.take_atoms(atom14, other_name),
        atom14_mask_alternative=atoms.take_atoms(atom14_mask, other_name),
        atom14_is_ambiguous=(other_name != torch.arange(14, device=other_name.device)).to(mask.dtype),
        backbone=groups.frames.select(0),
        backbone_mask=groups.exists[..., 0],
        groups=groups,
        torsions=torsions,
        torsions_alternative=alternative,
        torsions_mask=torsions_mask * _linked(residue_index, torsions_mask),
        pseudo_beta=atoms.pseudo_beta(aatype, positions),
        pseudo_beta_mask=atoms.pseudo_beta_mask(aatype, mask),
    )


def _resolved_mask(mask: Float[Tensor, "*batch N_res 37"]) -> Float[Tensor, "*batch N_res 37"]:
    """1 for all atoms; of a backbone-only structure, for the atom names that it has."""
    seen = mask.amax(-2, keepdim=True)
    beyond = torch.ones_like(seen[..., 0, :])
    beyond[..., list(BACKBONE_ATOMS)] = 0
    has_side_chains = (seen[..., 0, :] * beyond).amax(-1)[..., None, None] > 0
    return torch.where(has_side_chains, 1.0, seen).to(mask.dtype).expand(mask.shape)


def _linked(residue_index: Int[Tensor, "*batch N_res"], like: Tensor) -> Float[Tensor, "*batch N_res 7"]:
    """0 for the torsions that would span a break of the chain."""
    follows = residue_index[..., 1:] - residue_index[..., :-1] == 1
    follows = torch.nn.functional.pad(follows, (1, 0))
    linked = torch.ones_like(like)
    linked[..., :NUM_LINKED_TORSIONS] = follows[..., None].to(like.dtype)
    return linked
