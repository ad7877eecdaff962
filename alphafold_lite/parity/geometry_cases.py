"""Building blocks of geometry: layouts, frames, torsions, distance bins, quaternions."""

from collections.abc import Callable

import torch
from torch import Tensor

from alphafold_lite.geometry import atoms, frames, torsions
from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.model.embedders import relative_positions
from alphafold_lite.model.structure.backbone import update_frames
from alphafold_lite.parity.model_cases import affine, rigid
from alphafold_lite.parity.recorded import Outputs, Recorded


def _atom_layouts(r: Recorded) -> Outputs:
    """The file names no residue types; its index arrays are what the tables give, so they are used as they are."""
    to37, to14 = r.whole("residx_atom14_to_atom37"), r.whole("residx_atom37_to_atom14")
    atom14 = atoms.take_atoms(r.real("atom37"), to37) * r.real("atom14_atom_exists")[..., None]
    return {"atom14": atom14, "back": atoms.take_atoms(atom14, to14) * r.real("atom37_atom_exists")[..., None]}


def _group_frames(r: Recorded) -> Outputs:
    found = frames.atom37_to_frames(r.whole("aatype"), r.real("all_atom_positions"), r.real("all_atom_mask"))

    def flat(group: Rigid) -> Tensor:
        return torch.cat((group.rotation.flatten(-2), group.translation), dim=-1)

    return {
        "rigidgroups_gt_frames": flat(found.frames),
        "rigidgroups_alt_gt_frames": flat(found.alternative),
        "rigidgroups_gt_exists": found.exists,
        "rigidgroups_group_exists": found.group_exists,
        "rigidgroups_group_is_ambiguous": found.is_ambiguous,
    }


def _torsion_angles(*, placeholder: bool) -> Callable[[Recorded], Outputs]:
    def case(r: Recorded) -> Outputs:
        angles, alternative, mask = torsions.torsion_angles(
            r.whole("aatype"), r.real("all_atom_pos"), r.real("all_atom_mask"), placeholder=placeholder
        )
        return {
            "torsion_angles_sin_cos": angles,
            "alt_torsion_angles_sin_cos": alternative,
            "torsion_angles_mask": mask,
        }

    return case


def _torsions_to_frames(r: Recorded) -> Outputs:
    aatype = r.whole("aatype")
    groups = torsions.torsions_to_frames(rigid(r.real("affine")), r.real("angles"), aatype)
    return {
        "frames_rot": groups.rotation.flatten(-2),
        "frames_trans": groups.translation,
        "atom14_positions": torsions.frames_to_atom14(groups, aatype),
    }


def _distance_bins(r: Recorded) -> Outputs:
    positions, outputs = r.real("positions"), {"recycle_15": r.config.recycling_distances}
    if r.config.template is not None:
        outputs["template_39"] = r.config.template.distances
    return {
        name: atoms.distance_bins(positions, min_bin=b.min_bin, max_bin=b.max_bin, num_bins=b.num_bins)
        for name, b in outputs.items()
    }


def _quat_affine(r: Recorded) -> Outputs:
    start = rigid(r.real("affine"))
    moved = update_frames(start, r.real("update"))
    points = r.real("points")
    return {
        "rotation": start.rotation,
        "applied": start.unsqueeze(-1).apply(points),
        "inverted": start.unsqueeze(-1).invert_apply(points),
        "pre_composed_affine": affine(moved),
        "pre_composed_rotation": moved.rotation,
        "scaled": affine(start.scaled(10.0)),
    }


def _backbone_frames(r: Recorded) -> Outputs:
    found = Rigid.from_three_points(r.real("n_xyz"), r.real("ca_xyz"), r.real("c_xyz"))
    return {"rot": found.rotation, "trans": found.translation}


def _pseudo_beta(r: Recorded) -> Outputs:
    aatype = r.whole("aatype")
    return {
        "pseudo_beta": atoms.pseudo_beta(aatype, r.real("p")),
        "mask": atoms.pseudo_beta_mask(aatype, r.real("m")),
    }


def _relative_positions(r: Recorded) -> Outputs:
    return {"out": relative_positions(r.whole("residue_index"), r.config.max_relative).to(r.context.dtype)}


GEOMETRY_CASES: dict[str, Callable[[Recorded], Outputs]] = {
    "atom37_atom14": _atom_layouts,
    "atom37_to_frames": _group_frames,
    "atom37_to_torsion_angles": _torsion_angles(placeholder=False),
    "atom37_to_torsion_angles_placeholder": _torsion_angles(placeholder=True),
    "torsion_angles_to_frames": _torsions_to_frames,
    "dgram_from_positions": _distance_bins,
    "quat_affine": _quat_affine,
    "make_transform_from_reference": _backbone_frames,
    "pseudo_beta": _pseudo_beta,
    "relative_position_one_hot": _relative_positions,
}
