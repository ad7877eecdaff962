"""Templates against what AlphaFold's own pipeline makes of the same hits and structures; the arrays' rules are those of the reference README."""

import json

import torch

from alphafold_lite.parity.produced import Context
from alphafold_lite.parity.runner import find_cases, run_case
from alphafold_lite.parity.template_cases import recorded_selection
from tests.support.reference import REFERENCE

FOLDER = REFERENCE / "templates"
FLOAT64 = Context(dtype=torch.float64, device=torch.device("cpu"))


def test_every_recorded_array_is_reproduced():
    (case,) = find_cases(FOLDER, "float64")
    results = run_case(case, FLOAT64)
    assert len(results) == 28
    assert [(result.file, result.name, result.note) for result in results if not result.ok] == []


def test_the_recorded_hits_are_used_and_the_others_are_not():
    recorded = json.loads((FOLDER / "outcomes.json").read_text("utf-8"))
    outcomes = recorded_selection(FOLDER).outcomes
    assert len(outcomes) == len(recorded["hits"])
    used = [(outcome.name.upper(), number) for number, outcome in enumerate(outcomes, start=1) if outcome.used]
    assert used == [(name.upper(), number) for name, _, number in recorded["used"]]
    for outcome in outcomes:
        assert outcome.used or outcome.reason == "no structure file"


def test_a_folder_with_structures_alone(tmp_path):
    """Other names, no hits: what is recorded there is still computed."""
    for name in ("3zee.cif.gz", "mmcif_3zee_A.npz"):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    rules = json.loads((FOLDER / "tolerances.json").read_text("utf-8"))
    parsed = json.loads((FOLDER / "mmcif_parsed.json").read_text("utf-8"))
    (tmp_path / "mmcif_parsed.json").write_text(json.dumps({"3zee": parsed["3zee"]}))
    rules["files"] = {"mmcif_3zee_A.npz": rules["files"]["mmcif_3zee_A.npz"]}
    (tmp_path / "tolerances.json").write_text(json.dumps(rules))
    (case,) = find_cases(tmp_path, "float64")
    results = run_case(case, FLOAT64)
    assert len(results) == 3 and all(result.ok for result in results)
