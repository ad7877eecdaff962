"""Masked-MSA loss: what stood where the MSA was corrupted (supplement 1.9.9, eq. 42)."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from alphafold_lite.training.losses.averages import cross_entropy, masked_mean

MEAN_EPSILON = 1e-8  # letters added to their number


@dataclass(frozen=True, kw_only=True, slots=True)
class MsaTruth:
    """The clustered MSA before its corruption, and where the network is asked for it."""

    true_msa: Int[Tensor, "*batch N_clust N_res"]  # 0-20, gap 21
    bert_mask: Float[Tensor, "*batch N_clust N_res"]


def masked_msa_loss(
    logits: Float[Tensor, "*batch N_clust N_res 23"],
    truth: MsaTruth,
    msa_mask: Float[Tensor, "*batch N_clust N_res"],
) -> Float[Tensor, "*batch"]:
    """Mean over the letters that were asked for; 0 where none was."""
    asked = truth.bert_mask * msa_mask
    return masked_mean(cross_entropy(logits, truth.true_msa), asked, dims=(-2, -1), epsilon=MEAN_EPSILON)
