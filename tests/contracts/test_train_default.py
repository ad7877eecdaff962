"""`scripts/train_default.sh` with a program in place of the real one that notes what it is asked for."""

import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from alphafold_lite.training import presets, settings

SCRIPTS = Path(__file__).parents[2] / "scripts"
NOTE = """\
#!{python}
import json, sys
from pathlib import Path
command, *arguments = sys.argv[1:]
given = dict(zip(arguments, arguments[1:]))
with Path("calls.jsonl").open("a") as calls:
    calls.write(json.dumps([command, arguments]) + "\\n")
out = Path(given["--out-dir"])
out.mkdir(parents=True, exist_ok=True)
(out / ("distilled.npz" if command == "distill" else "config.json")).touch()
sys.exit(3 if command == "distill" else 0)  # 3: one of the predictions failed
"""


@pytest.fixture
def tree(tmp_path):
    """A checkout that has only what the script reads, and the data beside it."""
    root = tmp_path / "checkout"
    shutil.copytree(SCRIPTS / "training", root / "scripts" / "training")
    for name in ("train_default.sh", "keep_training.py"):
        shutil.copy(SCRIPTS / name, root / "scripts")
    (root / ".venv" / "bin").mkdir(parents=True)
    python = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
    for name, text in (("python", python), ("alphafold-lite", NOTE.format(python=sys.executable))):
        (root / ".venv" / "bin" / name).write_text(text)
        (root / ".venv" / "bin" / name).chmod(0o755)
    searched = tmp_path / "state" / "searched" / "allatom_train.npz"
    searched.parent.mkdir(parents=True)
    searched.touch()
    return root


def calls(tree: Path, **environment: str) -> list[tuple[str, list[str]]]:
    """What the program was asked for by one call of the script."""
    (tree / "calls.jsonl").unlink(missing_ok=True)
    command = [tree / "scripts" / "train_default.sh", tree.parent / "data", tree.parent / "state"]
    package = {"PYTHONPATH": str(SCRIPTS.parent)}
    subprocess.run(command, check=True, timeout=120, env=os.environ | package | environment)
    return [tuple(json.loads(line)) for line in (tree / "calls.jsonl").read_text().splitlines()]


def given(arguments: list[str], option: str) -> str:
    """The value of an option that stands once."""
    assert arguments.count(option) == 1
    return arguments[arguments.index(option) + 1]


def test_it_goes_on_from_what_is_kept(tree):
    step = json.loads((tree / "scripts" / "training" / "lite.json").read_text())["step"]
    state = tree.parent / "state"
    (distill, predicted), (train, arguments) = calls(tree)
    assert (distill, train) == ("distill", "train")
    assert given(predicted, "--params") == given(arguments, "--init-from") == "scripts/training/lite.safetensors"
    assert given(predicted, "--out-dir") == given(arguments, "--distilled") == str(state / f"distilled_{step}")
    assert given(arguments, "--out-dir") == str(state / f"lite_{step}") and f"run.first_step={step}" in arguments
    assert ("step.compile_triangles=true" in arguments) == (shutil.which("g++") is not None)
    assert given(arguments, "--leave-out") == str(tree.parent / "data" / "pdb_subset" / "ordinary_valid.txt")
    assert calls(tree) == [("train", ["--resume", "--out-dir", str(state / f"lite_{step}")])]


def test_from_scratch_it_starts_without_trunk_and_ends_with_its_own_predictions(tree):
    state = tree.parent / "state"
    start, local, trunk, *later = calls(tree, FROM_SCRATCH="1")
    *later, types, packed = later
    predictions, further = later[::2], later[1::2]
    trained = (start, local, trunk, *further, types, packed)
    runs = [given(arguments, "--out-dir") for _, arguments in trained]
    assert runs == [
        str(state / name)
        for name in ("lite_start", "lite_local", "lite", "lite_3900", "lite_4600", "lite_types", "lite_packed")
    ]
    assert "model.evoformer.num_blocks=0" in start[1] and "--init-from" not in start[1]
    assert [given(arguments, "--init-from") for _, arguments in trained[1:]] == runs[:-1]
    assert "step.msa_alone=true" in local[1]
    assert {"step.types_alone=true", "adaptation.freeze=folding"} <= set(types[1])
    assert {"step.packing_alone=true", "adaptation.freeze=folding"} <= set(packed[1])
    before = trained[2:4]
    for (command, predicted), (_, arguments), (_, earlier) in zip(predictions, further, before, strict=True):
        averaged = f"{given(earlier, '--out-dir')}/average.safetensors"
        assert command == "distill" and given(predicted, "--params") == averaged
        assert given(predicted, "--out-dir") == given(arguments, "--distilled")
        assert f"run.first_step={given(earlier, '--steps')}" in arguments
    grown = [False, False, False, True, True, True]  # what is learnt in a block must not be dropped with it
    assert ["model.evoformer.num_blocks=4" not in arguments for _, arguments in trained[1:]] == grown
    assert [arguments[0] for _, arguments in calls(tree, FROM_SCRATCH="1")] == ["--resume"] * 7


def test_what_it_sets_is_what_the_preset_can_do(tree):
    """Every stage's settings fit, and stages begin where runs do."""
    runs = [arguments for command, arguments in calls(tree, FROM_SCRATCH="1") if command == "train"]
    for arguments in runs:
        changes = [value for option, value in pairwise(arguments) if option == "--set"]
        settings.override(presets.lite(), changes)
    starts = [stage.first_step for stage in presets.lite().stages]
    assert {int(given(arguments, "--steps")) for arguments in runs[2:4]} <= set(starts)
