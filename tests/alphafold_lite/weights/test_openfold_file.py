"""OpenFold checkpoints: plain tensors only, bare or wrapped."""

import os
from collections import OrderedDict

import pytest
import torch

from alphafold_lite.common.errors import InputError
from alphafold_lite.weights.openfold_file import read_openfold

STATE = {"evoformer.linear.weight": torch.arange(6.0).reshape(2, 3), "evoformer.linear.bias": torch.ones(2)}
LIGHTNING = {f"model.{name}": value for name, value in STATE.items()}


class RunsCode:
    """Unpickling this would make a folder."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (os.mkdir, (str(self.marker),))


@pytest.mark.parametrize(
    "saved",
    [
        STATE,
        OrderedDict(STATE),
        LIGHTNING,
        {f"module.model.{name}": value for name, value in STATE.items()},
        {"state_dict": LIGHTNING, "epoch": 3},
        {"ema": {"params": STATE, "decay": 0.999}, "state_dict": {"model.x": torch.zeros(1)}, "global_step": 7},
        {"ema": {"params": LIGHTNING, "decay": torch.tensor(0.999)}},
        {"params": STATE},
    ],
)
def test_bare_and_wrapped(tmp_path, saved):
    torch.save(saved, tmp_path / "x.pt")
    state = read_openfold(tmp_path / "x.pt")
    assert state.keys() == STATE.keys()
    assert all(torch.equal(state[name], STATE[name]) for name in STATE)


def refused(path, words):
    with pytest.raises(InputError, match=words) as caught:
        read_openfold(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_arbitrary_objects_are_refused_and_not_run(tmp_path):
    marker = tmp_path / "was_run"
    torch.save({**STATE, "extra": RunsCode(marker)}, tmp_path / "x.pt")
    refused(tmp_path / "x.pt", r"other Python objects \(posix.mkdir\); save the state dictionary alone")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("saved", "words"),
    [
        ([torch.ones(2)], "a list"),
        ({}, "nothing in it"),
        ({"a": torch.ones(1), "b": 3}, r"not tensors: b \(int\)"),
        ({"other": {"a": torch.ones(1)}}, r"not tensors: other \(dict\)"),
        ({1: torch.ones(1)}, "nothing in it"),
    ],
)
def test_no_state_dictionary(tmp_path, saved, words):
    torch.save(saved, tmp_path / "x.pt")
    refused(tmp_path / "x.pt", words)


def test_text_truncated_and_missing(tmp_path):
    path = tmp_path / "x.pt"
    refused(path, "no file")
    path.write_text("hello")
    refused(path, "not a zip archive")
    torch.save(STATE, path)
    path.write_bytes(path.read_bytes()[:-40])
    refused(path, "truncated")


def test_zip_of_something_else(tmp_path, recorded):
    import numpy as np

    np.savez(tmp_path / "x.npz", a=np.ones(3))
    (tmp_path / "x.npz").rename(tmp_path / "x.pt")
    refused(tmp_path / "x.pt", "damaged")
