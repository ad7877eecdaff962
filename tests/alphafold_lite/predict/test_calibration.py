"""Where measurements are kept, and what is done with damaged ones."""

import json
import logging
from dataclasses import replace

import pytest
import torch

from alphafold_lite.common.errors import InputError
from alphafold_lite.predict import calibration
from alphafold_lite.predict.calibration import Calibration, Circumstances, store, stored
from alphafold_lite.predict.device import Placement
from alphafold_lite.predict.forecast import Load, Point
from alphafold_lite.presets import model_config

CPU = Placement(device=torch.device("cpu"), precision="fp32")
MEASURED = Calibration(
    points=(
        Point(load=Load(num_res=32), seconds=0.5, peak_bytes=2**29),
        Point(load=Load(num_res=64, num_clusters=3, num_extra=2, num_templates=4, passes=2), seconds=2.25),
    ),
    base_bytes=2**28,
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Circumstances.of(model_config("tiny"), CPU)


def test_what_is_stored_comes_back(here, tmp_path):
    assert stored(here) is None
    store(here, MEASURED)
    assert stored(here) == MEASURED and here.path.parent == tmp_path / "alphafold_lite" / "calibrations"
    again = replace(MEASURED, base_bytes=1)
    store(here, again)
    assert stored(here) == again and len(list(here.path.parent.iterdir())) == 1


def test_anything_that_changes_the_cost_has_a_file_of_its_own(here, monkeypatch):
    others = [replace(here, **{name: value}) for name, value in {
        "device": "another", "precision": "bf16", "threads": here.threads + 1, "torch_version": "0", "program_version": "0",
    }.items()]  # fmt: skip
    others.append(Circumstances.of(model_config("model_3_ptm"), CPU))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    others.append(Circumstances.of(model_config("tiny"), CPU))
    assert len({circumstances.path for circumstances in (here, *others)}) == len(others) + 1


def damaged(**changes):
    def change(text):
        content = json.loads(text)
        content["points"][0] |= changes
        return json.dumps(content)

    return change


@pytest.mark.parametrize("damage", [
    lambda text: text[:-20], lambda text: "", lambda text: "[]", lambda text: "{}", lambda text: "[" * 100_000,
    lambda text: text + " " * calibration.MAX_FILE_BYTES, damaged(seconds=-1), damaged(seconds="1"), damaged(seconds=float("nan")),
    damaged(peak_bytes=1.5), damaged(load={"num_res": -3}), damaged(load={"colour": 3}), damaged(load=None),
])  # fmt: skip
def test_a_damaged_file_is_as_good_as_none(here, damage, caplog):
    store(here, MEASURED)
    here.path.write_text(damage(here.path.read_text()))
    with caplog.at_level(logging.WARNING, "alphafold_lite"):
        assert stored(here) is None
    assert "cannot be read" in caplog.text
    store(here, MEASURED)
    assert stored(here) == MEASURED


def test_a_folder_that_cannot_be_written(here, tmp_path):
    (tmp_path / "alphafold_lite").write_text("in the way")
    with pytest.raises(InputError):
        store(here, MEASURED)
