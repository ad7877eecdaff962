"""The packer of side chains by itself, taught by experimental structures: without any trunk.

It sees the backbone of the experiment, with noise (`model.packing.noise`), and residue types; what else a sample holds is not read. Chains of which
only the backbone is known teach it first: which types stand where some are hidden (`recover_types`) is learnt from the same surroundings.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.errors import InputError
from alphafold_lite.model.alphafold import AlphaFold
from alphafold_lite.model.structure.packing import NUM_ATOMS, SidechainPacker
from alphafold_lite.model.structure.sidechains import Sidechains, build_sidechains
from alphafold_lite.training.losses import LossConfig, Losses
from alphafold_lite.training.losses.averages import cross_entropy, masked_mean
from alphafold_lite.training.losses.masked_msa import MEAN_EPSILON
from alphafold_lite.training.losses.torsion import angle_norm_loss, rotamer_loss, torsion_loss
from alphafold_lite.training.targets import Targets

LEAST_HIDDEN = 0.15  # share of residue types that is hidden at least; at most all of them


def pack_truth(model: AlphaFold, targets: Targets) -> Sidechains:
    """Side chains on the true backbones. Residues without all of N, CA, C and O are neighbours of none.

    Raises:
        InputError: the network has no packer.
    """
    raw = _packer(model)(targets.aatype, *_backbone(targets))
    return build_sidechains(raw.to(targets.atom14_positions), targets.backbone, targets.aatype)


def recover_types(
    model: AlphaFold, targets: Targets
) -> tuple[Float[Tensor, "batch N_res 20"], Float[Tensor, "batch N_res"]]:
    """Logits of the types on the true backbones, and which known types were hidden: each chain its own share, by torch's random numbers.

    Raises:
        InputError: the network has no packer.
    """
    backbone, complete = _backbone(targets)
    share = LEAST_HIDDEN + (1 - LEAST_HIDDEN) * torch.rand_like(complete[..., :1])
    hidden = (torch.rand_like(complete) < share) & (targets.aatype < rc.unk_restype_index)
    aatype = targets.aatype.masked_fill(hidden, rc.unk_restype_index)
    return _packer(model).recover_types(aatype, backbone, complete), hidden * complete


def _packer(model: AlphaFold) -> SidechainPacker:
    if model.packer is None:
        raise InputError(
            "a network with a packer of side chains, for step.packing_alone or step.types_alone",
            "a network without it",
            "take a preset with one, lite for example",
        )
    return model.packer


def _backbone(targets: Targets) -> tuple[Float[Tensor, "batch N_res 4 3"], Float[Tensor, "batch N_res"]]:
    """N, CA, C and O, and where all four are there."""
    return targets.atom14_positions[..., :NUM_ATOMS, :], targets.atom14_mask[..., :NUM_ATOMS].prod(-1)


def type_losses(
    logits: Float[Tensor, "batch N_res 20"], hidden: Float[Tensor, "batch N_res"], targets: Targets, config: LossConfig
) -> Losses:
    """The masked-MSA loss of an alignment of one row."""
    labels = targets.aatype.clamp(max=logits.shape[-1] - 1)
    term = masked_mean(cross_entropy(logits, labels), hidden, dims=(-1,), epsilon=MEAN_EPSILON)
    return Losses(total=config.masked_msa * term, terms={"masked_msa": term})


def losses(sidechains: Sidechains, targets: Targets, config: LossConfig) -> Losses:
    """Torsions, rotamers and lengths of the raw vectors by the configured weights; nothing else can be said of it."""
    layers = (sidechains,)
    terms = {
        "torsion": torsion_loss(layers, targets),
        "rotamer": rotamer_loss(layers, targets),
        "angle_norm": angle_norm_loss(layers, targets.seq_mask),
    }
    weights = config.weights()
    return Losses(
        total=sum((weights[name] * term for name, term in terms.items()), 0 * targets.resolution), terms=terms
    )
