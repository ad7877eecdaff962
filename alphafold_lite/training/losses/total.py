"""All terms of one forward pass and their weighted sum (supplement 1.9, eq. 7)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from alphafold_lite.common.errors import InputError
from alphafold_lite.geometry.violations import find_violations
from alphafold_lite.model.alphafold import Prediction
from alphafold_lite.model.batch import Batch
from alphafold_lite.training.losses.backbone_angles import backbone_angles_loss
from alphafold_lite.training.losses.config import LossConfig
from alphafold_lite.training.losses.distogram import distogram_loss
from alphafold_lite.training.losses.fape import backbone_fape, sidechain_fape
from alphafold_lite.training.losses.masked_msa import MsaTruth, masked_msa_loss
from alphafold_lite.training.losses.near_distance import near_distance_loss
from alphafold_lite.training.losses.pae import pae_loss
from alphafold_lite.training.losses.plddt import CA_SLOT, plddt_loss
from alphafold_lite.training.losses.renaming import rename_ambiguous
from alphafold_lite.training.losses.resolved import resolved_loss
from alphafold_lite.training.losses.smooth_lddt import smooth_lddt_loss
from alphafold_lite.training.losses.torsion import angle_norm_loss, rotamer_loss, torsion_loss
from alphafold_lite.training.losses.violation import violation_loss
from alphafold_lite.training.targets import Targets


@dataclass(frozen=True, kw_only=True, slots=True)
class Losses:
    """One number an example. `terms` are unweighted, by the names of the weights in `LossConfig`."""

    total: Float[Tensor, "*batch"]
    terms: dict[str, Float[Tensor, "*batch"]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """Everything that a term may read."""

    prediction: Prediction
    batch: Batch
    truth: MsaTruth
    targets: Targets
    config: LossConfig
    clamped: Float[Tensor, "*batch"]


def compute_losses(
    prediction: Prediction,
    batch: Batch,
    truth: MsaTruth,
    targets: Targets,
    config: LossConfig,
    *,
    clamped: Float[Tensor, "*batch"],
) -> Losses:
    """Compute the terms whose weight is not 0, each example by itself, in float32 at least and without autocast.

    The total is the weighted sum, times the square root of the number of residues where the configuration says so.

    Args:
        prediction: of one pass, with gradients where they are wanted.
        batch: what the network was given.
        clamped: by example, 1 where the backbone FAPE is clamped and 0 where not (supplement 1.11.5); values between mix the two.

    Raises:
        InputError: the aligned error has a weight and the network has no such head.
    """
    compared = Compared(
        prediction=prediction, batch=batch, truth=truth, targets=targets, config=config, clamped=clamped
    )
    weights = {name: weight for name, weight in config.weights().items() if weight > 0}
    with torch.autocast(device_type=batch.seq_mask.device.type, enabled=False):
        terms = {name: COMPUTE[name](compared) for name in weights}
        total = sum((weights[name] * term for name, term in terms.items()), torch.zeros_like(targets.resolution))
        if config.scale_by_length:
            total = total * batch.seq_mask.sum(-1).sqrt()
    return Losses(total=total, terms=terms)


def _backbone_fape(c: Compared) -> Float[Tensor, "*batch"]:
    return backbone_fape(c.prediction.structure.frames, c.targets, c.clamped, c.config.backbone).mean(-1)


def _sidechain_fape(c: Compared) -> Float[Tensor, "*batch"]:
    renamed = rename_ambiguous(c.prediction.atom14_positions, c.targets)
    return sidechain_fape(c.prediction.structure.sidechains[-1], c.targets, renamed, c.config.sidechain)


def _torsion(c: Compared) -> Float[Tensor, "*batch"]:
    layers = c.prediction.structure.sidechains
    return torsion_loss(layers, c.targets, backbone_torsions=c.config.backbone_torsions)


def _angle_norm(c: Compared) -> Float[Tensor, "*batch"]:
    return angle_norm_loss(c.prediction.structure.sidechains, c.batch.seq_mask)


def _distogram(c: Compared) -> Float[Tensor, "*batch"]:
    return distogram_loss(c.prediction.logits.distogram, c.targets, c.config.distogram_bins)


def _masked_msa(c: Compared) -> Float[Tensor, "*batch"]:
    return masked_msa_loss(c.prediction.logits.masked_msa, c.truth, c.batch.msa.mask)


def _plddt(c: Compared) -> Float[Tensor, "*batch"]:
    predicted_ca = c.prediction.atom37_positions[..., CA_SLOT, :]
    return plddt_loss(c.prediction.logits.plddt, predicted_ca, c.targets, c.config.plddt_resolution)


def _resolved(c: Compared) -> Float[Tensor, "*batch"]:
    return resolved_loss(c.prediction.logits.resolved, c.targets, c.config.resolved_resolution)


def _violation(c: Compared) -> Float[Tensor, "*batch"]:
    found = find_violations(
        c.batch.aatype,
        c.batch.residue_index,
        c.prediction.atom14_positions,
        c.prediction.atom14_mask,
        tolerance_factor=c.config.violations.tolerance_factor,
        overlap_tolerance=c.config.violations.overlap_tolerance,
    )
    return violation_loss(found, c.prediction.atom14_mask)


def _pae(c: Compared) -> Float[Tensor, "*batch"]:
    remedy = "set model.heads.pae to true or loss.pae to 0"
    logits = _of_head(c.prediction.logits.pae, "aligned errors", "pae", remedy)
    last, config = c.prediction.structure.frames[-1], c.config
    return pae_loss(logits, last, c.targets, max_bin=config.pae_max, allowed=config.pae_resolution)


def _smooth_lddt(c: Compared) -> Float[Tensor, "*batch"]:
    return smooth_lddt_loss(c.prediction.atom37_positions[..., CA_SLOT, :], c.targets)


def _rotamer(c: Compared) -> Float[Tensor, "*batch"]:
    return rotamer_loss(c.prediction.structure.sidechains, c.targets)


def _near_distance(c: Compared) -> Float[Tensor, "*batch"]:
    return near_distance_loss([frames.translation for frames in c.prediction.structure.frames], c.targets)


def _backbone_angles(c: Compared) -> Float[Tensor, "*batch"]:
    remedy = "set model.heads.backbone_angle_bins, to 12 for example, or loss.backbone_angles to 0"
    logits = _of_head(c.prediction.logits.backbone_angles, "backbone angles", "backbone_angles", remedy)
    return backbone_angles_loss(logits, c.targets)


def _of_head(logits: Tensor | None, head: str, loss: str, remedy: str) -> Tensor:
    """What a head gives that not every network has."""
    if logits is None:
        expected = f"a network with the head for {head}, as the loss {loss} has a weight"
        raise InputError(expected, "a network without it", remedy)
    return logits


COMPUTE: Mapping[str, Callable[[Compared], Float[Tensor, "*batch"]]] = {
    "backbone_fape": _backbone_fape,
    "sidechain_fape": _sidechain_fape,
    "torsion": _torsion,
    "angle_norm": _angle_norm,
    "distogram": _distogram,
    "masked_msa": _masked_msa,
    "plddt": _plddt,
    "resolved": _resolved,
    "violation": _violation,
    "pae": _pae,
    "smooth_lddt": _smooth_lddt,
    "rotamer": _rotamer,
    "near_distance": _near_distance,
    "backbone_angles": _backbone_angles,
}
