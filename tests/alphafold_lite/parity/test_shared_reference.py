"""Parity on the whole reference set, official size included, and with the parameters as OpenFold saves them."""

import json

import numpy as np
import pytest
import torch

from alphafold_lite.inference.recycling import fold
from alphafold_lite.kernels.fast import fast
from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.alphafold import build
from alphafold_lite.parity import runner
from alphafold_lite.parity.haiku_config import model_config
from alphafold_lite.parity.model_cases import load_model, recorded_batch
from alphafold_lite.parity.produced import Context
from alphafold_lite.weights.convert import load_openfold
from alphafold_lite.weights.openfold_file import read_openfold
from tests.support.reference import REFERENCE

DUE = ("models", "official_size", "modules", "confidence", "features", "templates", "relax", "losses")
FLOAT32 = Context(dtype=torch.float32, device=torch.device("cpu"))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_recorded_array_agrees(dtype, capsys):
    status = runner.main([str(REFERENCE), "--json", "--dtype", dtype, "--only", *DUE])
    arrays = json.loads(capsys.readouterr().out)["arrays"]
    assert [a for a in arrays if not a["ok"]] == []
    assert status == 0
    assert {a["case"] for a in arrays} >= {
        "official_size_model_1_ptm",
        "model_3",
        "modules",
        "features",
        "templates",
        "relax",
    }


def test_openfold_parameters_give_the_recorded_outputs():
    folder = REFERENCE / "model_1_ptm"
    settings = json.loads((folder / "config.json").read_text("utf-8"))
    model = build(model_config(settings["config"]), fast())
    load_openfold(model, read_openfold(REFERENCE / "openfold" / "model_1_ptm_small.pt"))
    batch = recorded_batch(dict(np.load(folder / "full_model_inputs.npz")), FLOAT32.device, FLOAT32.dtype)
    got = fold(model, lambda _: (batch,), num_recycles=settings["num_recycle"]).prediction
    wanted = np.load(folder / "full_model_outputs.npz")
    rules = json.loads((folder / "tolerances.json").read_text("utf-8"))["files"]["full_model_outputs.npz"]
    real = batch.seq_mask.bool().numpy()
    for name, value in {
        "structure_module/final_atom_positions": got.atom37_positions,
        "predicted_lddt/logits": got.logits.plddt,
        "representations/single": got.representations.single,
    }.items():
        difference = np.abs(value.numpy()[real] - wanted[name][real]).max()
        assert difference <= rules[name]["float32"], name


def test_reference_and_fast_kernels_agree_at_official_size():
    folder = REFERENCE / "official_size_model_1_ptm"
    settings = json.loads((folder / "config.json").read_text("utf-8"))
    batch = recorded_batch(dict(np.load(folder / "full_model_inputs.npz")), FLOAT32.device, FLOAT32.dtype)
    real = batch.seq_mask.bool()
    with torch.no_grad():
        a, b = (load_model(folder, settings, FLOAT32, ops)(batch) for ops in (reference(), fast(budget_mib=1)))
    assert float((a.atom37_positions - b.atom37_positions)[real].abs().max()) < 1e-3  # Å; float32 rounding gives 1e-4
    assert float((a.logits.plddt - b.logits.plddt)[real].abs().max()) < 1e-3
