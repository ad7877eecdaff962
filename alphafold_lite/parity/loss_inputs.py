"""What a `losses` reference folder records: predictions as leaves of a graph, targets, and the configuration."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alphafold_lite.geometry.frames import GroupFrames
from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.model.alphafold import Prediction, Representations
from alphafold_lite.model.batch import Batch, ClusteredMsa, ExtraMsa
from alphafold_lite.model.config import BinsConfig
from alphafold_lite.model.heads import HeadLogits
from alphafold_lite.model.structure.module import Structure
from alphafold_lite.model.structure.sidechains import Sidechains
from alphafold_lite.parity.model_cases import rigid
from alphafold_lite.parity.produced import Context
from alphafold_lite.training.losses.config import FapeConfig, LossConfig, ResolutionRange, ViolationConfig
from alphafold_lite.training.losses.masked_msa import MsaTruth
from alphafold_lite.training.targets import Targets
from alphafold_lite.weights.npz import read_npz

INPUTS = "losses_inputs.npz"


def loss_config(heads: Mapping[str, Any]) -> LossConfig:
    """Weights and settings from the section `heads` of an official configuration tree, without the factor of length."""
    structure, distogram = heads["structure_module"], heads["distogram"]
    weight, sidechain, fape = structure["weight"], structure["sidechain"], structure["fape"]
    return LossConfig(
        backbone_fape=weight * (1 - sidechain["weight_frac"]),
        sidechain_fape=weight * sidechain["weight_frac"],
        torsion=weight * structure["chi_weight"],
        angle_norm=weight * structure["angle_norm_weight"],
        violation=weight * structure["structural_violation_loss_weight"],
        distogram=distogram["weight"],
        masked_msa=heads["masked_msa"]["weight"],
        plddt=heads["predicted_lddt"]["weight"],
        resolved=heads["experimentally_resolved"]["weight"],
        pae=heads["predicted_aligned_error"].get("weight", 0.0),
        scale_by_length=False,
        backbone=FapeConfig(clamp=fape["clamp_distance"], length_scale=fape["loss_unit_distance"]),
        sidechain=FapeConfig(clamp=sidechain["atom_clamp_distance"], length_scale=sidechain["length_scale"]),
        violations=ViolationConfig(
            tolerance_factor=structure["violation_tolerance_factor"],
            overlap_tolerance=structure["clash_overlap_tolerance"],
        ),
        distogram_bins=BinsConfig(
            min_bin=distogram["first_break"], max_bin=distogram["last_break"], num_bins=distogram["num_bins"]
        ),
        pae_max=heads["predicted_aligned_error"]["max_error_bin"],
        plddt_resolution=_range(heads["predicted_lddt"]),
        resolved_resolution=_range(heads["experimentally_resolved"]),
        pae_resolution=_range(heads["predicted_aligned_error"]),
    )


def _range(head: Mapping[str, Any]) -> ResolutionRange | None:
    if not head["filter_by_resolution"]:
        return None
    return ResolutionRange(lowest=head["min_resolution"], highest=head["max_resolution"])


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedLosses:
    """Inputs of a folder. `leaves` are the predictions as they are recorded, which gradients are asked for."""

    config: LossConfig
    leaves: dict[str, Tensor]
    prediction: Prediction
    batch: Batch
    truth: MsaTruth
    targets: Targets
    clamped: Tensor


def read_losses(folder: Path, context: Context) -> RecordedLosses:
    """The inputs and the configuration of a folder; the prediction is made of its leaves with gradients."""
    tree = json.loads((folder / "config.json").read_text("utf-8"))["config"]
    arrays: dict[str, Tensor] = {}
    for name, array in read_npz(folder / INPUTS).items():
        values = torch.as_tensor(array, device=context.device)
        arrays[name] = values.to(context.dtype if values.is_floating_point() else torch.int64)
    leaves = {k.removeprefix("pred/"): v.requires_grad_() for k, v in arrays.items() if k.startswith("pred/")}
    known = {k.removeprefix("batch/"): v for k, v in arrays.items() if k.startswith("batch/")}
    with torch.enable_grad():
        prediction = _prediction(leaves, known)
    return RecordedLosses(
        config=loss_config(tree["heads"]),
        leaves=leaves,
        prediction=prediction,
        batch=_batch(known),
        truth=MsaTruth(true_msa=known["true_msa"], bert_mask=known["bert_mask"]),
        targets=_targets(known),
        clamped=known.get("use_clamped_fape", torch.ones_like(known["resolution"])),
    )


def _flat_frames(values: Tensor) -> Rigid:
    """Frames of `[*, 12]`: rotation row by row, then translation."""
    return Rigid(rotation=values[..., :9].unflatten(-1, (3, 3)), translation=values[..., 9:])


def _prediction(leaves: Mapping[str, Tensor], known: Mapping[str, Tensor]) -> Prediction:
    """The recorded part of a prediction; representations, which no loss reads, have no channels."""
    sidechains = zip(
        leaves["angles_sin_cos"],
        leaves["unnormalized_angles_sin_cos"],
        leaves["sidechain_frames"],
        leaves["sidechain_atom_pos"],
        strict=True,
    )
    nothing = known["seq_mask"].new_zeros(known["seq_mask"].shape[0], 0)
    return Prediction(
        atom37_positions=leaves["final_atom_positions"],
        atom37_mask=known["atom37_atom_exists"],
        atom14_positions=leaves["final_atom14_positions"],
        atom14_mask=known["atom14_atom_exists"],
        logits=HeadLogits(
            distogram=leaves["distogram_logits"],
            masked_msa=leaves["masked_msa_logits"],
            plddt=leaves["predicted_lddt_logits"],
            resolved=leaves["experimentally_resolved_logits"],
            pae=leaves.get("predicted_aligned_error_logits"),
        ),
        representations=Representations(
            msa=nothing[None], msa_first_row=nothing, pair=nothing[:, None].expand(-1, len(nothing), -1), single=nothing
        ),
        structure=Structure(
            single=nothing,
            frames=tuple(rigid(layer) for layer in leaves["traj"]),
            sidechains=tuple(
                Sidechains(angles=angles, unnormalized_angles=raw, frames=_flat_frames(frames), atom14=atoms)
                for angles, raw, frames, atoms in sidechains
            ),
        ),
    )


def _batch(known: Mapping[str, Tensor]) -> Batch:
    """The recorded part of the input; the MSA is that before masking, all of it there, and nothing else is."""
    tokens, seq_mask = known["true_msa"], known["seq_mask"]
    nothing = torch.zeros_like(known["bert_mask"])
    return Batch(
        aatype=known["aatype"],
        residue_index=known["residue_index"],
        domain_break=torch.zeros_like(seq_mask),
        seq_mask=seq_mask,
        msa=ClusteredMsa(
            tokens=tokens,
            has_deletion=nothing,
            deletion_value=nothing,
            profile=nothing[..., None].expand(*nothing.shape, 23),
            deletion_mean=nothing,
            mask=torch.ones_like(nothing),
        ),
        extra_msa=ExtraMsa(tokens=tokens[:0], has_deletion=nothing[:0], deletion_value=nothing[:0], mask=nothing[:0]),
        templates=None,
    )


def _targets(known: Mapping[str, Tensor]) -> Targets:
    """The recorded targets themselves; `make_targets` is not asked."""
    chi = torch.stack((known["chi_angles"].sin(), known["chi_angles"].cos()), dim=-1)
    alternative = known["alt_torsion_angles_sin_cos"]
    return Targets(
        aatype=known["aatype"],
        residue_index=known["residue_index"],
        seq_mask=known["seq_mask"],
        resolution=known["resolution"],
        atom37_positions=known["all_atom_positions"],
        atom37_mask=known["all_atom_mask"],
        resolved_mask=known["atom37_atom_exists"],
        atom14_positions=known["atom14_gt_positions"],
        atom14_mask=known["atom14_gt_exists"],
        atom14_positions_alternative=known["atom14_alt_gt_positions"],
        atom14_mask_alternative=known["atom14_alt_gt_exists"],
        atom14_is_ambiguous=known["atom14_atom_is_ambiguous"],
        backbone=rigid(known["backbone_affine_tensor"]),
        backbone_mask=known["backbone_affine_mask"],
        groups=GroupFrames(
            frames=_flat_frames(known["rigidgroups_gt_frames"]),
            alternative=_flat_frames(known["rigidgroups_alt_gt_frames"]),
            exists=known["rigidgroups_gt_exists"],
            group_exists=known["rigidgroups_group_exists"],
            is_ambiguous=known["rigidgroups_group_is_ambiguous"],
        ),
        torsions=torch.cat((known["torsion_angles_sin_cos"][..., :3, :], chi), dim=-2),
        torsions_alternative=alternative,
        torsions_mask=torch.cat((known["torsion_angles_mask"][..., :3], known["chi_mask"]), dim=-1),
        pseudo_beta=known["pseudo_beta"],
        pseudo_beta_mask=known["pseudo_beta_mask"],
    )
