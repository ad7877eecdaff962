"""A `losses` reference folder: every term, violation and choice of names, and the gradient of the weighted total, from recorded predictions."""

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import torch
from torch import Tensor

from alphafold_lite.geometry.violations import find_violations
from alphafold_lite.parity.loss_inputs import RecordedLosses, read_losses
from alphafold_lite.parity.model_cases import to_numpy
from alphafold_lite.parity.produced import Context, Produced
from alphafold_lite.parity.relax_cases import named_violations
from alphafold_lite.training.losses.config import TERMS, LossConfig
from alphafold_lite.training.losses.distogram import bin_edges
from alphafold_lite.training.losses.fape import backbone_fape
from alphafold_lite.training.losses.plddt import CA_SLOT, lddt_ca
from alphafold_lite.training.losses.renaming import rename_ambiguous
from alphafold_lite.training.losses.total import Losses, compute_losses
from alphafold_lite.training.losses.violation import violation_metrics

OUTPUTS = "losses_outputs.npz"
STRUCTURE_TERMS = ("backbone_fape", "sidechain_fape", "torsion", "angle_norm", "violation")
TERM_NAMES = {
    "sidechain_fape": "structure_module/sidechain_fape",
    "torsion": "structure_module/chi_loss",
    "angle_norm": "structure_module/angle_norm_loss",
    "distogram": "distogram/loss",
    "masked_msa": "masked_msa/loss",
    "plddt": "predicted_lddt/loss",
    "resolved": "experimentally_resolved/loss",
    "pae": "predicted_aligned_error/loss",
}
BACKBONE_MIXTURES = {"clamped_per_layer": 1.0, "unclamped": 0.0, "mixed_0.9": 0.9}  # share of the clamped error


def loss_arrays(folder: Path, context: Context) -> Iterator[Produced]:
    """Every output of a folder that holds `losses_inputs.npz`."""
    recorded = read_losses(folder, context)
    with torch.no_grad():
        outputs = {**_terms(recorded), **_backbone(recorded), **_renaming_and_lddt(recorded), **_violations(recorded)}
    outputs |= _total_and_gradients(recorded)
    for name, value in outputs.items():
        yield Produced(OUTPUTS, name, to_numpy(value))


def _losses(recorded: RecordedLosses, config: LossConfig) -> Losses:
    return compute_losses(
        recorded.prediction, recorded.batch, recorded.truth, recorded.targets, config, clamped=recorded.clamped
    )


def _terms(recorded: RecordedLosses) -> dict[str, Tensor]:
    """Each term without its weight, whether or not it has one, and the weighted sum of those of the structure module."""
    config, logits = recorded.config, recorded.prediction.logits
    heads = {"pae": logits.pae, "backbone_angles": logits.backbone_angles}
    every = {name: 0.0 if name in heads and heads[name] is None else 1.0 for name in TERMS}
    terms = _losses(recorded, replace(config, **every)).terms
    structure = replace(config, **{name: 0.0 for name in TERMS if name not in STRUCTURE_TERMS})
    named = {TERM_NAMES[name]: value for name, value in terms.items() if name in TERM_NAMES}
    named["structure_module/total_loss"] = _losses(recorded, structure).total
    named["distogram/bin_edges"] = bin_edges(config.distogram_bins, logits.distogram)
    return named


def _backbone(recorded: RecordedLosses) -> dict[str, Tensor]:
    """FAPE of the backbone, of the last layer and over all, with each mixture of clamped and unclamped errors."""
    frames, targets = recorded.prediction.structure.frames, recorded.targets
    named = {"structure_module/fape": backbone_fape(frames, targets, recorded.clamped, recorded.config.backbone)[-1]}
    for mixture, share in BACKBONE_MIXTURES.items():
        clamped = torch.full_like(recorded.clamped, share)
        layers = backbone_fape(frames, targets, clamped, recorded.config.backbone)
        named[f"fape/backbone_{mixture}_last"] = layers[-1]
        named[f"fape/backbone_{mixture}_mean"] = layers.mean()
    return named


def _renaming_and_lddt(recorded: RecordedLosses) -> dict[str, Tensor]:
    prediction, targets = recorded.prediction, recorded.targets
    renamed = rename_ambiguous(prediction.atom14_positions, targets)
    lddt = lddt_ca(
        prediction.atom37_positions[:, CA_SLOT], targets.atom37_positions[:, CA_SLOT], targets.atom37_mask[:, CA_SLOT]
    )
    return {
        "renaming/alt_naming_is_better": renamed.alternative_is_better.to(targets.seq_mask.dtype),
        "renaming/renamed_atom14_gt_positions": renamed.atom14_positions,
        "renaming/renamed_atom14_gt_exists": renamed.atom14_mask,
        "lddt/per_residue_ca": lddt.per_residue,
        "lddt/global_ca": lddt.whole,
    }


def _violations(recorded: RecordedLosses) -> dict[str, Tensor]:
    """Violations in the final atoms and their summary."""
    batch, prediction, limits = recorded.batch, recorded.prediction, recorded.config.violations
    positions, mask = prediction.atom14_positions, prediction.atom14_mask
    found = find_violations(
        batch.aatype,
        batch.residue_index,
        positions,
        mask,
        tolerance_factor=limits.tolerance_factor,
        overlap_tolerance=limits.overlap_tolerance,
    )
    metrics = violation_metrics(found, positions, mask, batch.residue_index, batch.seq_mask)
    named = {f"violations/{name}": value for name, value in named_violations(found).items()}
    return named | {f"violation_metrics/{f.name}": getattr(metrics, f.name) for f in fields(metrics)}


def _total_and_gradients(recorded: RecordedLosses) -> dict[str, Tensor]:
    """The weighted sum and its derivative with respect to each recorded prediction; 0 where it does not depend on one."""
    with torch.enable_grad():
        total = _losses(recorded, recorded.config).total
        gradients = torch.autograd.grad(total, list(recorded.leaves.values()), materialize_grads=True)
    named = {f"grad_of_weighted_total/{name}": g for name, g in zip(recorded.leaves, gradients, strict=True)}
    return {"weighted_total": total, **named}
