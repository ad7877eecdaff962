"""Renaming of symmetric ground-truth atoms (Alg. 26)."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from alphafold_lite.geometry.clashes import DISTANCE_EPSILON, pair_distances
from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.model.structure.module import at_least_float32
from alphafold_lite.training.losses.selection import pick_points, present
from alphafold_lite.training.targets import Targets


@dataclass(frozen=True, kw_only=True, slots=True)
class Renamed:
    """The truth with ambiguous atoms named as suits the prediction; Å."""

    alternative_is_better: Bool[Tensor, "*batch N_res"]
    atom14_positions: Float[Tensor, "*batch N_res 14 3"]
    atom14_mask: Float[Tensor, "*batch N_res 14"]
    groups: Rigid  # [*, N_res, 8]


@torch.no_grad()
def rename_ambiguous(predicted: Float[Tensor, "*batch N_res 14 3"], targets: Targets) -> Renamed:
    """Choose for each residue the naming whose distances to unambiguous atoms are nearer to those predicted (Alg. 26).

    As in the reference implementation, atoms that the first naming lacks do not count, and one that only the second lacks counts as standing at the
    origin. Distances, choice and result carry no gradient.

    Args:
        predicted: atoms of the last layer, Å.
    """
    better = _alternative_is_better(at_least_float32(predicted), targets)
    by_atom, by_coordinate = better[..., None], better[..., None, None]
    first, second = targets.groups.frames, targets.groups.alternative
    return Renamed(
        alternative_is_better=better,
        atom14_positions=torch.where(by_coordinate, targets.atom14_positions_alternative, targets.atom14_positions),
        atom14_mask=torch.where(by_atom, targets.atom14_mask_alternative, targets.atom14_mask),
        groups=Rigid(
            rotation=torch.where(by_coordinate[..., None], second.rotation, first.rotation),
            translation=torch.where(by_coordinate, second.translation, first.translation),
        ),
    )


def _alternative_is_better(
    predicted: Float[Tensor, "*batch N_res 14 3"], targets: Targets
) -> Bool[Tensor, "*batch N_res"]:
    ambiguous = targets.atom14_is_ambiguous.flatten(-2)
    there = targets.atom14_mask.flatten(-2)
    rows, columns = present(there * ambiguous), present(there * (1 - ambiguous))
    rows_mask, columns_mask = (there * ambiguous).gather(-1, rows), (there * (1 - ambiguous)).gather(-1, columns)
    residue = rows // 14

    def distances(positions: Float[Tensor, "*batch N_res 14 3"]) -> Float[Tensor, "*batch rows columns"]:
        flat = positions.flatten(-3, -2)
        return pair_distances(pick_points(flat, rows), pick_points(flat, columns))

    wanted = distances(predicted)

    def deviation(positions: Float[Tensor, "*batch N_res 14 3"]) -> Float[Tensor, "*batch N_res"]:
        difference = torch.sqrt((wanted - distances(positions)).square() + DISTANCE_EPSILON)
        by_row = (difference * columns_mask[..., None, :]).sum(-1) * rows_mask
        return by_row.new_zeros(targets.aatype.shape).scatter_add(-1, residue, by_row)

    return deviation(targets.atom14_positions_alternative) < deviation(targets.atom14_positions)
