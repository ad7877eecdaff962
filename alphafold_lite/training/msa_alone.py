"""The MSA track of the trunk by itself, taught the backbone angles: some eight times the samples a second of the whole network.

Local structure is what it can learn without coordinates, and learns slowly through them. Row attention needs pair representations for its
bias; what it learns from them is mostly how far apart two residues are in the sequence, so those of one crop stand in for all of its
micro-batch. They are made without gradients.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from alphafold_lite.common.errors import InputError
from alphafold_lite.model.alphafold import AlphaFold, mask_of_pairs
from alphafold_lite.model.batch import Batch
from alphafold_lite.model.embedders import start
from alphafold_lite.training.losses import LossConfig, Losses
from alphafold_lite.training.losses.backbone_angles import backbone_angles_loss
from alphafold_lite.training.targets import Targets


def backbone_angles(model: AlphaFold, batch: Batch) -> Float[Tensor, "batch N_res phi_psi"]:
    """Logits of the head for backbone angles from the MSA track, without templates and in a first pass.

    Raises:
        InputError: the network has no such head.
    """
    head = model.heads.backbone_angles
    if head is None:
        raise InputError(
            "a network with the head for backbone angles, for step.msa_alone",
            "a network without it",
            "set model.heads.backbone_angle_bins, to 12 for example",
        )
    m, z = model.embed(batch, start(batch, model.config, next(model.parameters()).dtype))
    pairs = _pairs(model, m[:1], z[:1].detach(), batch.msa.mask[:1], mask_of_pairs(batch)[:1])
    for block, z_before in zip(model.evoformer.blocks, pairs, strict=True):
        m = block.update_msa(m, z_before, batch.msa.mask)  # pyright: ignore[reportCallIssue] - a Block
    return head(model.evoformer.single(m[..., 0, :, :]))


@torch.no_grad()
def _pairs(model: AlphaFold, m: Tensor, z: Tensor, msa_mask: Tensor, pair_mask: Tensor) -> list[Tensor]:
    """z as each block of the trunk gets it."""
    pairs = [z]
    for block in model.evoformer.blocks[:-1]:
        m, z = block(m, z, msa_mask, pair_mask)
        pairs.append(z)
    return pairs


def losses(logits: Float[Tensor, "batch N_res phi_psi"], targets: Targets, config: LossConfig) -> Losses:
    """The one term that there is, and its weighted total."""
    term = backbone_angles_loss(logits, targets)
    return Losses(total=config.backbone_angles * term, terms={"backbone_angles": term})
