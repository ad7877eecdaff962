"""Chemistry tables as tensors on the caller's device and dtype, looked up by residue type."""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from alphafold_lite.common import residue_constants as rc


@lru_cache(maxsize=256)
def _table(name: str, device: torch.device, dtype: torch.dtype) -> Tensor:
    return torch.as_tensor(np.asarray(getattr(rc, name)), device=device, dtype=dtype)


def lookup(name: str, aatype: Int[Tensor, "*batch"], dtype: torch.dtype) -> Tensor:
    """Rows of the table `residue_constants.<name>` for each residue: `[*, ...]`. Residue types above 20 count as unknown (20)."""
    table = _table(name, aatype.device, dtype)
    return table[aatype.clamp(0, table.shape[0] - 1).long()]


def atom14_exists(
    aatype: Int[Tensor, "*batch N_res"], mask: Float[Tensor, "*batch N_res"]
) -> Float[Tensor, "*batch N_res 14"]:
    """1 for the heavy atoms that each residue type has, 0 at padding."""
    return lookup("restype_atom14_mask", aatype, mask.dtype) * mask[..., None]


def atom37_exists(
    aatype: Int[Tensor, "*batch N_res"], mask: Float[Tensor, "*batch N_res"]
) -> Float[Tensor, "*batch N_res 37"]:
    """1 for the heavy atoms that each residue type has, 0 at padding."""
    return lookup("restype_atom37_mask", aatype, mask.dtype) * mask[..., None]
