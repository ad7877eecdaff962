import json
import shutil

import numpy as np
import pytest
import torch

from alphafold_lite.parity import runner
from alphafold_lite.parity.loss_cases import OUTPUTS, loss_arrays
from alphafold_lite.parity.loss_inputs import INPUTS, loss_config
from alphafold_lite.parity.produced import Context
from alphafold_lite.training.losses import finetuning, initial_training
from tests.support.reference import REFERENCE

FOLDER = REFERENCE / "losses"
CONTEXT = Context(dtype=torch.float64, device=torch.device("cpu"))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_recorded_value_and_gradient_agrees(tmp_path, dtype, capsys):
    shutil.copytree(FOLDER, tmp_path / "other_name")
    assert runner.main([str(tmp_path), "--json", "--dtype", dtype]) == 0
    compared = {entry["name"] for entry in json.loads(capsys.readouterr().out)["arrays"]}
    with np.load(FOLDER / OUTPUTS, allow_pickle=False) as archive:
        assert compared == set(archive.files)
    assert sum(name.startswith("grad_of_weighted_total/") for name in compared) == 11


def test_a_changed_prediction_is_noticed(tmp_path, capsys):
    shutil.copytree(FOLDER, tmp_path / "losses")
    with np.load(FOLDER / INPUTS, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays["pred/traj"][0, 3, 4] += 0.05
    np.savez(tmp_path / "losses" / INPUTS, **arrays)
    assert runner.main([str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert "grad_of_weighted_total/traj" in shown and "fape/backbone_unclamped_mean" in shown
    assert "masked_msa" not in shown and "structure_module/fape:" not in shown


def test_weights_are_those_of_finetuning():
    tree = json.loads((FOLDER / "config.json").read_text("utf-8"))["config"]
    config = loss_config(tree["heads"])
    assert config.weights() == pytest.approx(finetuning(initial_training(), pae=True).weights())
    assert (config.backbone, config.distogram_bins, config.pae_max, config.plddt_resolution) == (
        initial_training().backbone,
        initial_training().distogram_bins,
        initial_training().pae_max,
        initial_training().plddt_resolution,
    )


def test_a_folder_without_aligned_errors_and_with_terms_of_no_weight(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "losses")
    folder = tmp_path / "losses"
    settings = json.loads((folder / "config.json").read_text("utf-8"))
    heads = settings["config"]["heads"]
    heads["predicted_aligned_error"]["weight"] = 0.0
    heads["structure_module"]["structural_violation_loss_weight"] = 0.0
    (folder / "config.json").write_text(json.dumps(settings), "utf-8")
    with np.load(FOLDER / INPUTS, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files if "aligned_error" not in name}
    np.savez(folder / INPUTS, **arrays)

    before = {p.name: p.value for p in loss_arrays(FOLDER, CONTEXT)}
    after = {p.name: p.value for p in loss_arrays(folder, CONTEXT)}
    assert set(before) - set(after) == {
        "predicted_aligned_error/loss",
        "grad_of_weighted_total/predicted_aligned_error_logits",
    }
    assert not after["grad_of_weighted_total/final_atom14_positions"].any()
    assert before["grad_of_weighted_total/final_atom14_positions"].any()
    for name in (
        "experimentally_resolved/loss",
        "violations/between_residues/clashes_mean_loss",
        "structure_module/fape",
    ):
        assert after[name] == before[name]
    lost = 0.1 * before["predicted_aligned_error/loss"] + (
        before["structure_module/total_loss"] - after["structure_module/total_loss"]
    )
    assert after["weighted_total"] == pytest.approx(before["weighted_total"] - lost)
