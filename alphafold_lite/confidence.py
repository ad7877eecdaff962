"""Confidence scores from the logits of the heads: pLDDT, PAE, pTM and ipTM (supplement 1.9.6 and 1.9.7, AlphaFold-Multimer 2.4). Pure functions.

Probabilities are computed in float32 at least; float64 logits stay float64.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

MIN_TM_RESIDUES = 19  # shorter chains are scored with the d0 of this length (d0 would vanish near 18 residues)
WEIGHT_EPSILON = 1e-8  # keeps the score of a residue without partners finite: it is 0


def _probabilities(logits: Float[Tensor, "*batch bins"]) -> Float[Tensor, "*batch bins"]:
    return torch.softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)), dim=-1)


def _error_bin_centres(num_bins: int, max_bin: float, like: Tensor) -> Float[Tensor, "bins"]:
    """Middles of the bins of the aligned error, Å. The last bin, open above `max_bin`, counts as one of the same width."""
    width = max_bin / (num_bins - 2)
    return (torch.arange(num_bins, dtype=like.dtype, device=like.device) + 0.5) * width


def plddt(logits: Float[Tensor, "*batch N_res bins"]) -> Float[Tensor, "*batch N_res"]:
    """Predicted lDDT-Ca, 0 to 100: the mean of equal bins of [0, 1] (Alg. 29); [*, N_res]."""
    probabilities = _probabilities(logits)
    num_bins = logits.shape[-1]
    centres = (torch.arange(num_bins, dtype=probabilities.dtype, device=logits.device) + 0.5) / num_bins
    return 100 * (probabilities * centres).sum(-1)


def pae_probabilities(logits: Float[Tensor, "*batch N_res N_res bins"]) -> Float[Tensor, "*batch N_res N_res bins"]:
    """Probabilities of the bins of the aligned error; [*, N_res (frame), N_res (point), bins]."""
    return _probabilities(logits)


def predicted_aligned_error(
    logits: Float[Tensor, "*batch N_res N_res bins"], max_bin: float = 31.0
) -> tuple[Float[Tensor, "*batch N_res N_res"], Float[Tensor, ""]]:
    """Expected error (Å) of each point when aligned on each frame, [*, N_res, N_res], and the largest value it can take.

    Args:
        max_bin: lower edge of the last bin, Å.
    """
    probabilities = _probabilities(logits)
    centres = _error_bin_centres(logits.shape[-1], max_bin, probabilities)
    return (probabilities * centres).sum(-1), centres[-1]


def ptm(
    logits: Float[Tensor, "*batch N_res N_res bins"],
    *,
    residue_mask: Bool[Tensor, "*batch N_res"] | Float[Tensor, "*batch N_res"] | None = None,
    asym_id: Int[Tensor, "*batch N_res"] | None = None,
    max_bin: float = 31.0,
) -> Float[Tensor, "*batch"]:
    """Predicted TM score of the best frame (supplement, eq. 38-40); with chain numbers ipTM, which counts pairs of different chains only; [*].

    Args:
        residue_mask: 1 for the residues that count, as frames, as points and in the length; all by default.
        asym_id: chain number of every residue. With one chain only, ipTM is 0.
        max_bin: lower edge of the last bin, Å.
    """
    probabilities = _probabilities(logits)
    mask = torch.ones_like(probabilities[..., 0, 0]) if residue_mask is None else residue_mask.to(probabilities.dtype)
    centres = _error_bin_centres(logits.shape[-1], max_bin, probabilities)
    d0 = 1.24 * (mask.sum(-1).clamp(min=MIN_TM_RESIDUES) - 15) ** (1 / 3) - 1.8
    closeness = 1 / (1 + (centres / d0[..., None]) ** 2)
    expected = (probabilities * closeness[..., None, None, :]).sum(-1)

    weight = mask[..., :, None] * mask[..., None, :]
    if asym_id is not None:
        weight = weight * (asym_id[..., :, None] != asym_id[..., None, :])
    per_frame = (expected * weight).sum(-1) / (WEIGHT_EPSILON + weight.sum(-1))
    return (per_frame * mask).amax(-1)
