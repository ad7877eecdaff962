"""Rotations as quaternions (w, x, y, z) and as matrices. Quaternions are used by the backbone update and for reporting only."""

import torch
from jaxtyping import Float
from torch import Tensor


def quaternion_to_rotation(quaternion: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3 3"]:
    """Matrix of a quaternion by the homogeneous quadratic form; a rotation when the quaternion has norm 1 (Alg. 23, line 3)."""
    w, x, y, z = quaternion.unbind(-1)
    rows = (
        torch.stack((w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)), dim=-1),
        torch.stack((2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)), dim=-1),
        torch.stack((2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z), dim=-1),
    )
    return torch.stack(rows, dim=-2)


def rotation_to_quaternion(rotation: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 4"]:
    """Unit quaternion of a rotation matrix; which of the two signs comes back is not defined.

    Row i of the symmetric matrix Q = 4 q qᵀ is a multiple of q; the row with the largest diagonal is the best conditioned one.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (row.unbind(-1) for row in rotation.unbind(-2))
    candidates = torch.stack(
        (
            torch.stack((1 + xx + yy + zz, zy - yz, xz - zx, yx - xy), dim=-1),
            torch.stack((zy - yz, 1 + xx - yy - zz, xy + yx, xz + zx), dim=-1),
            torch.stack((xz - zx, xy + yx, 1 - xx + yy - zz, yz + zy), dim=-1),
            torch.stack((yx - xy, xz + zx, yz + zy, 1 - xx - yy + zz), dim=-1),
        ),
        dim=-2,
    )
    best = candidates.diagonal(dim1=-2, dim2=-1).argmax(-1)
    chosen = candidates.gather(-2, best[..., None, None].expand(*best.shape, 1, 4)).squeeze(-2)
    return chosen / torch.linalg.vector_norm(chosen, dim=-1, keepdim=True)
