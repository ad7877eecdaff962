"""Input, relative-position and recycling embedders (Alg. 3, 4, 5, 32)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import one_hot

from alphafold_lite.geometry import atoms
from alphafold_lite.model.batch import Batch
from alphafold_lite.model.config import ModelConfig
from alphafold_lite.model.primitives import LayerNorm, Linear

TARGET_CHANNELS, MSA_CHANNELS, EXTRA_CHANNELS = 22, 49, 25


@dataclass(frozen=True, kw_only=True, slots=True)
class Recycled:
    """What one pass hands to the next (Alg. 2, line 5)."""

    positions: Float[Tensor, "*batch N_res 37 3"]  # Å
    pair: Float[Tensor, "*batch N_res N_res c_z"]
    msa_first_row: Float[Tensor, "*batch N_res c_m"]


def relative_positions(
    residue_index: Int[Tensor, "*batch N_res"], limit: int
) -> Int[Tensor, "*batch N_res N_res num_bins"]:
    """One-hot clipped difference i - j of residue numbers, 2 * limit + 1 classes (Alg. 4 and 5)."""
    difference = residue_index[..., :, None] - residue_index[..., None, :]
    return one_hot((difference + limit).clamp(0, 2 * limit), 2 * limit + 1)


class InputEmbedder(nn.Module):
    """Embed target and MSA features (Alg. 3): returns m `[*, N_clust, N_res, c_m]` and z `[*, N_res, N_res, c_z]`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        c_m, c_z = config.msa_channels, config.pair_channels
        self.limit = config.max_relative
        self.target_i = Linear(TARGET_CHANNELS, c_z)
        self.target_j = Linear(TARGET_CHANNELS, c_z)
        self.target_m = Linear(TARGET_CHANNELS, c_m)
        self.msa = Linear(MSA_CHANNELS, c_m)
        self.relpos = Linear(2 * self.limit + 1, c_z)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        target = batch.target_feat()
        z = self.target_i(target)[..., :, None, :] + self.target_j(target)[..., None, :, :]
        z = z + self.relpos(relative_positions(batch.residue_index, self.limit).to(z.dtype))
        m = self.target_m(target)[..., None, :, :] + self.msa(batch.msa.encode())
        return m, z


class RecyclingEmbedder(nn.Module):
    """Embed the previous pass (Alg. 32): returns the updates of the first MSA row `[*, N_res, c_m]` and of z."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.bins = config.recycling_distances
        self.distances = Linear(self.bins.num_bins, config.pair_channels)
        self.norm_m = LayerNorm(config.msa_channels)
        self.norm_z = LayerNorm(config.pair_channels)

    def forward(self, aatype: Int[Tensor, "*batch N_res"], previous: Recycled) -> tuple[Tensor, Tensor]:
        beta = atoms.pseudo_beta(aatype, previous.positions)
        bins = atoms.distance_bins(
            beta, min_bin=self.bins.min_bin, max_bin=self.bins.max_bin, num_bins=self.bins.num_bins
        )
        z = self.norm_z(previous.pair) + self.distances(bins.to(previous.pair.dtype))
        return self.norm_m(previous.msa_first_row), z


class ExtraMsaEmbedder(Linear):
    """Embed the extra MSA's 25 channels (Alg. 2, line 15)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(EXTRA_CHANNELS, config.extra_msa_channels)


def start(batch: Batch, config: ModelConfig, dtype: torch.dtype) -> Recycled:
    """The zeros from which the first pass starts."""
    shape = batch.aatype.shape
    like = batch.seq_mask.new_zeros(()).to(dtype)
    return Recycled(
        positions=like.new_zeros(*shape, 37, 3),
        pair=like.new_zeros(*shape, shape[-1], config.pair_channels),
        msa_first_row=like.new_zeros(*shape, config.msa_channels),
    )
