"""Torsion angles from atoms and atoms from torsion angles (supplement 1.8.1 and 1.8.4, Alg. 24 and 25)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from alphafold_lite.geometry import tables
from alphafold_lite.geometry.rigid import Rigid

ANGLE_EPS = 1e-8  # under the square root that normalises (sin, cos)
PSI = 2  # column of psi among pre-omega, phi, psi, chi1..chi4
CHI1_GROUP = 4  # of the eight rigid groups: backbone, two unused, psi, chi1..chi4


def _previous(values: Tensor) -> Tensor:
    """Values of the residue before, zeros at the first; the residue axis is the third from the end."""
    return torch.cat((torch.zeros_like(values[..., :1, :, :]), values[..., :-1, :, :]), dim=-3)


def _gather_atoms(
    values: Float[Tensor, "*batch N_res 37 k"], aatype: Int[Tensor, "*batch N_res"]
) -> Float[Tensor, "*batch N_res 7 4 k"]:
    """The four atoms of pre-omega, phi, psi and chi1-4 (N, CA, C, CB, O are columns 0 to 4 of atom37)."""
    before = _previous(values)
    backbone = torch.stack(
        (
            torch.cat((before[..., 1:3, :], values[..., 0:2, :]), dim=-2),
            torch.cat((before[..., 2:3, :], values[..., 0:3, :]), dim=-2),
            torch.cat((values[..., 0:3, :], values[..., 4:5, :]), dim=-2),
        ),
        dim=-3,
    )
    index = tables.lookup("chi_atom_indices", aatype, torch.int64).flatten(-2)
    chi = values.gather(-2, index[..., None].expand(*index.shape, values.shape[-1])).unflatten(-2, (4, 4))
    return torch.cat((backbone, chi), dim=-3)


def torsion(
    a: Float[Tensor, "*batch 3"],
    b: Float[Tensor, "*batch 3"],
    c: Float[Tensor, "*batch 3"],
    d: Float[Tensor, "*batch 3"],
) -> Float[Tensor, "*batch 2"]:
    """(sin, cos) of the torsion angle about the bond from b to c."""
    local = Rigid.from_axes(c - b, a - c, c).invert_apply(d)
    sin_cos = torch.stack((local[..., 2], local[..., 1]), dim=-1)
    return sin_cos / torch.sqrt(sin_cos.square().sum(-1, keepdim=True) + ANGLE_EPS)


def torsion_angles(
    aatype: Int[Tensor, "*batch N_res"],
    atom37: Float[Tensor, "*batch N_res 37 3"],
    atom37_mask: Float[Tensor, "*batch N_res 37"],
    *,
    placeholder: bool = False,
) -> tuple[Float[Tensor, "*batch N_res 7 2"], Float[Tensor, "*batch N_res 7 2"], Float[Tensor, "*batch N_res 7"]]:
    """(sin, cos) of pre-omega, phi, psi, chi1-4; the same under the other naming of symmetric ends; mask.

    Angles without atoms are zero, or (1, 0) with `placeholder` (as AlphaFold writes them where its `zero_init` is off).
    Psi is measured to O and turned by 180 degrees. Chain breaks are not looked for, as in AlphaFold.
    """
    atoms = _gather_atoms(atom37, aatype)
    mask = _gather_atoms(atom37_mask[..., None], aatype)[..., 0].prod(-1)
    chi_exists = tables.lookup("chi_angles_mask", aatype.clamp(max=19), mask.dtype) * (aatype < 20)[..., None].to(
        mask.dtype
    )
    mask = torch.cat((mask[..., :3], mask[..., 3:] * chi_exists), dim=-1)

    sin_cos = torsion(*atoms.unbind(-2))
    sign = torch.ones(7, dtype=atom37.dtype, device=atom37.device)
    sign[PSI] = -1
    sin_cos = sin_cos * sign[:, None]

    periodic = tables.lookup("chi_pi_periodic", aatype, atom37.dtype)
    mirror = torch.cat((torch.ones_like(periodic[..., :3]), 1 - 2 * periodic), dim=-1)
    fill = torch.tensor((float(placeholder), 0.0), dtype=atom37.dtype, device=atom37.device)
    there = mask[..., None] > 0
    alternative = torch.where(there, sin_cos * mirror[..., None], fill)
    return torch.where(there, sin_cos, fill), alternative, mask


def _about_x(angles: Float[Tensor, "*batch 8 2"]) -> Rigid:
    sin, cos = angles.unbind(-1)
    zero, one = torch.zeros_like(sin), torch.ones_like(sin)
    rows = (
        torch.stack((one, zero, zero), dim=-1),
        torch.stack((zero, cos, -sin), dim=-1),
        torch.stack((zero, sin, cos), dim=-1),
    )
    return Rigid(rotation=torch.stack(rows, dim=-2), translation=torch.stack((zero, zero, zero), dim=-1))


def torsions_to_frames(
    backbone: Rigid, angles: Float[Tensor, "*batch N_res 7 2"], aatype: Int[Tensor, "*batch N_res"]
) -> Rigid:
    """Frames of the eight rigid groups of each residue, `[*, N_res, 8]` (Alg. 24, lines 1-10).

    Args:
        backbone: frames `[*, N_res]`, translations in Å.
        angles: normalised (sin, cos) of omega, phi, psi, chi1-4.
    """
    default = tables.lookup("restype_rigid_group_default_frame", aatype, angles.dtype)
    fixed = torch.zeros_like(angles[..., :1, :])
    fixed[..., 1] = 1
    turned = Rigid(rotation=default[..., :3, :3], translation=default[..., :3, 3]).compose(
        _about_x(torch.cat((fixed, angles), dim=-2))
    )
    groups = [turned.select(i) for i in range(8)]
    for i in range(CHI1_GROUP + 1, 8):
        groups[i] = groups[i - 1].compose(groups[i])
    in_residue = Rigid(
        rotation=torch.stack([g.rotation for g in groups], dim=-3),
        translation=torch.stack([g.translation for g in groups], dim=-2),
    )
    return backbone.unsqueeze(-1).compose(in_residue)


def frames_to_atom14(frames: Rigid, aatype: Int[Tensor, "*batch N_res"]) -> Float[Tensor, "*batch N_res 14 3"]:
    """Place the idealised atoms in the frames of their groups (Alg. 24, line 11); atoms a residue does not have are zero. Å."""
    dtype = frames.translation.dtype
    group = tables.lookup("restype_atom14_to_rigid_group", aatype, torch.int64)
    rotation = frames.rotation.gather(-3, group[..., None, None].expand(*group.shape, 3, 3))
    translation = frames.translation.gather(-2, group[..., None].expand(*group.shape, 3))
    literature = tables.lookup("restype_atom14_rigid_group_positions", aatype, dtype)
    placed = Rigid(rotation=rotation, translation=translation).apply(literature)
    return placed * tables.lookup("restype_atom14_mask", aatype, dtype)[..., None]
