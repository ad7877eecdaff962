"""Whole models: build from `config.json`, load or make the parameters, run the recorded inputs, name every recorded output."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alphafold_lite import confidence
from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.geometry.rotation import quaternion_to_rotation, rotation_to_quaternion
from alphafold_lite.inference.recycling import fold
from alphafold_lite.kernels.fast import fast
from alphafold_lite.kernels.ops import Ops
from alphafold_lite.model.alphafold import AlphaFold, Prediction, build
from alphafold_lite.model.batch import Batch, ClusteredMsa, ExtraMsa, Templates
from alphafold_lite.model.config import ModelConfig
from alphafold_lite.model.structure.sidechains import Sidechains
from alphafold_lite.parity.haiku_config import model_config
from alphafold_lite.parity.produced import Context, Produced
from alphafold_lite.weights.convert import load_official, official_layout
from alphafold_lite.weights.npz import read_npz
from alphafold_lite.weights.random_parameters import random_parameters

OUTPUTS = "full_model_outputs.npz"
Arrays = Mapping[str, np.ndarray]


def model_arrays(folder: Path, context: Context) -> Iterator[Produced]:
    """Every output of a folder that holds `full_model_inputs.npz`."""
    settings = json.loads((folder / "config.json").read_text("utf-8"))
    model = load_model(folder, settings, context, fast())
    batch = recorded_batch(read_npz(folder / "full_model_inputs.npz"), context.device, context.dtype)
    passes: dict[int, Prediction] = {}
    num_recycles = int(settings["num_recycle"])

    def keep(number: int, prediction: Prediction) -> None:
        passes[number] = prediction

    last = fold(model, lambda _: (batch,), num_recycles=num_recycles, on_pass=keep).prediction
    for name, value in prediction_arrays(last, model.config, batch).items():
        yield Produced(OUTPUTS, name, to_numpy(value))
    for number in range(num_recycles):
        recycled = {
            "final_atom_positions": passes[number].atom37_positions,
            "pair": passes[number].representations.pair,
            "msa_first_row": passes[number].representations.msa_first_row,
            "predicted_lddt_logits": passes[number].logits.plddt,
        }
        for name, value in recycled.items():
            yield Produced(OUTPUTS, f"recycle_{number}/{name}", to_numpy(value))


def load_model(folder: Path, settings: Mapping[str, Any], context: Context, ops: Ops) -> AlphaFold:
    """The folder's network with its saved parameters, or with those that the rule makes from its seed."""
    config = model_config(settings["config"])
    model = build(config, ops).to(context.device, context.dtype)
    saved = folder / "tiny_params.npz"
    if saved.exists():
        load_official(model, read_npz(saved))
    else:
        load_official(model, random_parameters(official_layout(config), int(settings["parameter_seed"])))
    return model


def recorded_batch(arrays: Arrays, device: torch.device, dtype: torch.dtype) -> Batch:
    """Processed features of one example, as AlphaFold's pipeline names them, as a `Batch`."""

    def real(name: str) -> Tensor:
        return torch.as_tensor(arrays[name], device=device).to(dtype)

    def whole(name: str) -> Tensor:
        return torch.as_tensor(arrays[name], device=device).to(torch.int64)

    msa = real("msa_feat")
    templates = None
    if "template_aatype" in arrays:
        templates = recorded_templates(arrays, device, dtype)
    return Batch(
        aatype=whole("aatype"),
        residue_index=whole("residue_index"),
        domain_break=real("target_feat")[..., 0],
        seq_mask=real("seq_mask"),
        msa=ClusteredMsa(
            tokens=msa[..., :23].argmax(-1),
            has_deletion=msa[..., 23],
            deletion_value=msa[..., 24],
            profile=msa[..., 25:48],
            deletion_mean=msa[..., 48],
            mask=real("msa_mask"),
        ),
        extra_msa=ExtraMsa(
            tokens=whole("extra_msa"),
            has_deletion=real("extra_has_deletion"),
            deletion_value=real("extra_deletion_value"),
            mask=real("extra_msa_mask"),
        ),
        templates=templates,
    )


def recorded_templates(arrays: Arrays, device: torch.device, dtype: torch.dtype) -> Templates:
    """The `template_…` arrays as `Templates`; a file without `template_mask` holds templates that are all there."""

    def real(name: str) -> Tensor:
        return torch.as_tensor(arrays[name], device=device).to(dtype)

    aatype = torch.as_tensor(arrays["template_aatype"], device=device).to(torch.int64)
    return Templates(
        aatype=aatype,
        atom37=real("template_all_atom_positions"),
        atom37_mask=real("template_all_atom_masks"),
        pseudo_beta=real("template_pseudo_beta"),
        pseudo_beta_mask=real("template_pseudo_beta_mask"),
        mask=real("template_mask")
        if "template_mask" in arrays
        else torch.ones(len(aatype), device=device, dtype=dtype),
    )


def prediction_arrays(prediction: Prediction, config: ModelConfig, batch: Batch) -> dict[str, Tensor]:
    """A prediction under AlphaFold's names."""
    structure, logits = prediction.structure, prediction.logits
    trajectory = torch.stack([affine(frames) for frames in structure.frames])
    arrays = {
        "representations/msa": prediction.representations.msa,
        "representations/msa_first_row": prediction.representations.msa_first_row,
        "representations/pair": prediction.representations.pair,
        "representations/single": prediction.representations.single,
        "representations/structure_module": structure.single,
        "structure_module/traj": trajectory,
        "structure_module/final_affines": trajectory[-1],
        "structure_module/final_atom14_positions": prediction.atom14_positions,
        "structure_module/final_atom14_mask": prediction.atom14_mask,
        "structure_module/final_atom_positions": prediction.atom37_positions,
        "structure_module/final_atom_mask": prediction.atom37_mask,
        "distogram/logits": logits.distogram,
        "distogram/bin_edges": _edges(logits.distogram, config.heads.distogram.min_bin, config.heads.distogram.max_bin),
        "masked_msa/logits": logits.masked_msa,
        "predicted_lddt/logits": logits.plddt,
        "experimentally_resolved/logits": logits.resolved,
        "confidence/plddt": confidence.plddt(logits.plddt),
    }
    arrays |= {f"structure_module/sidechains/{k}": v for k, v in sidechain_arrays(structure.sidechains).items()}
    if logits.pae is not None:
        largest = config.heads.pae_max
        pae, most = confidence.predicted_aligned_error(logits.pae, max_bin=largest)
        arrays |= {
            "predicted_aligned_error/logits": logits.pae,
            "predicted_aligned_error/breaks": _edges(logits.pae, 0.0, largest),
            "confidence/predicted_aligned_error": pae,
            "confidence/max_predicted_aligned_error": torch.as_tensor(most),
            "confidence/ptm": confidence.ptm(logits.pae, residue_mask=batch.seq_mask, max_bin=largest),
        }
    return arrays


def sidechain_arrays(layers: tuple[Sidechains, ...]) -> dict[str, Tensor]:
    """Side chains of all layers under AlphaFold's names; rotations with their rows one after another."""
    return {
        "angles_sin_cos": torch.stack([s.angles for s in layers]),
        "unnormalized_angles_sin_cos": torch.stack([s.unnormalized_angles for s in layers]),
        "frames_rot": torch.stack([s.frames.rotation.flatten(-2) for s in layers]),
        "frames_trans": torch.stack([s.frames.translation for s in layers]),
        "atom_pos": torch.stack([s.atom14 for s in layers]),
    }


def affine(frames: Rigid) -> Tensor:
    """Quaternion and translation, `[*, 7]`."""
    return torch.cat((rotation_to_quaternion(frames.rotation), frames.translation), dim=-1)


def rigid(values: Tensor) -> Rigid:
    """Frames of `[*, 7]` with unit quaternions."""
    return Rigid(rotation=quaternion_to_rotation(values[..., :4]), translation=values[..., 4:])


def _edges(logits: Tensor, low: float, high: float) -> Tensor:
    return torch.linspace(low, high, logits.shape[-1] - 1, dtype=logits.dtype, device=logits.device)


def to_numpy(value: Tensor) -> np.ndarray:
    """On the CPU, as NumPy."""
    return value.detach().cpu().numpy()
