import json
from dataclasses import replace

import pytest
import torch

from alphafold_lite.common.errors import InputError
from alphafold_lite.training import checkpoint
from alphafold_lite.training.checkpoint import Progress, State, latest, load_state, read_progress, save_state
from alphafold_lite.training.config import OptimizerConfig
from alphafold_lite.training.ema import Ema
from alphafold_lite.training.flat import FlatParameters
from alphafold_lite.training.optimizer import Adam

PROGRESS = Progress(step=7, samples=28, skipped=1, updates=6, seed=3)


def make_state(size=5, fill=1.0):
    flat = FlatParameters(torch.nn.Linear(size, 2))
    state = State(flat=flat, optimizer=Adam(flat.values, OptimizerConfig()), ema=Ema(flat.values))
    for number, vector in enumerate(state.tensors().values()):
        vector.copy_(torch.arange(vector.numel()) + fill * number)
    return state


def test_everything_comes_back(tmp_path):
    saved, loaded = make_state(), make_state(fill=99)
    folder = save_state(tmp_path, saved, PROGRESS, keep=2)
    assert load_state(folder, loaded) == PROGRESS
    assert all(torch.equal(a, b) for a, b in zip(saved.tensors().values(), loaded.tensors().values(), strict=True))
    assert loaded.optimizer.steps == 6


def test_equal_states_give_equal_bytes(tmp_path):
    folders = [save_state(tmp_path / name, make_state(), PROGRESS, keep=1) for name in "ab"]
    for name in (checkpoint.TENSORS, checkpoint.VALUES):
        first, second = ((folder / name).read_bytes() for folder in folders)
        assert first == second


def test_the_newest_ones_stay(tmp_path):
    for step in (2, 4, 10):
        save_state(tmp_path, make_state(), replace(PROGRESS, step=step), keep=2)
    assert [p.name for p in sorted((tmp_path / checkpoint.FOLDER).iterdir())] == ["00000004", "00000010"]
    assert latest(tmp_path).name == "00000010"


def test_remains_of_an_interrupted_write_are_not_read(tmp_path):
    good = save_state(tmp_path, make_state(), PROGRESS, keep=2)
    half = good.parent / f"{checkpoint.TEMPORARY}123"
    half.mkdir()
    (half / checkpoint.TENSORS).write_bytes(b"half")
    assert latest(tmp_path) == good
    assert not half.exists()
    assert latest(tmp_path / "elsewhere") is None


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    good = save_state(tmp_path, make_state(), PROGRESS, keep=1)

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "_write", full)
    with pytest.raises(InputError, match="No space left"):
        save_state(tmp_path, make_state(), replace(PROGRESS, step=8), keep=1)
    assert latest(tmp_path) == good


@pytest.mark.parametrize("spoil", ["truncate", "json", "key"])
def test_damage_is_reported(tmp_path, spoil):
    folder = save_state(tmp_path, make_state(), PROGRESS, keep=1)
    if spoil == "truncate":
        path = folder / checkpoint.TENSORS
        path.write_bytes(path.read_bytes()[:100])
    elif spoil == "json":
        (folder / checkpoint.VALUES).write_text("{")
    else:
        (folder / checkpoint.VALUES).write_text(json.dumps({"format": 1, "step": 3}))
    with pytest.raises(InputError, match="remove that folder"):
        load_state(folder, make_state())


def test_another_network_is_refused(tmp_path):
    folder = save_state(tmp_path, make_state(), PROGRESS, keep=1)
    with pytest.raises(InputError, match="14 parameters, found 12"):
        load_state(folder, make_state(size=6))
    assert read_progress(folder) == PROGRESS
