"""Folders by platform and names of files."""

from pathlib import Path

import pytest

from alphafold_lite.common.errors import MissingResourceError
from alphafold_lite.weights.locations import (
    VARIABLE,
    default_place,
    find_all,
    find_model,
    how_to_get,
    official_name,
    openfold_preset,
    user_data_folder,
)


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {"HOME": "/h"}, "/h/.local/share"),
        ("linux", {"HOME": "/h", "XDG_DATA_HOME": "/data"}, "/data"),
        ("linux", {"HOME": "/h", "XDG_DATA_HOME": ""}, "/h/.local/share"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Application Support"),
        ("win32", {"USERPROFILE": "/u", "LOCALAPPDATA": "/u/local"}, "/u/local"),
        ("win32", {"USERPROFILE": "/u"}, "/u/AppData/Local"),
    ],
)
def test_user_data_folder(platform, environment, expected):
    assert user_data_folder(environment, platform) == Path(expected) / "alphafold_lite" / "params"


def test_default_place(tmp_path):
    assert default_place({VARIABLE: str(tmp_path)}) == tmp_path
    assert default_place({VARIABLE: "", "XDG_DATA_HOME": str(tmp_path)}).parts[-2:] == ("alphafold_lite", "params")
    with pytest.raises(MissingResourceError, match=VARIABLE):
        default_place({VARIABLE: str(tmp_path / "absent")})


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("params_model_1.npz", "model_1"),
        ("params_model_5_ptm.npz", "model_5_ptm"),
        ("model_2_ptm.npz", "model_2_ptm"),
        ("params_model_1_multimer_v3.npz", None),
        ("params_model_6.npz", None),
        ("model_1_ptm_small.pt", None),
        ("tiny_params.npz", None),
    ],
)
def test_official_name(file, expected):
    assert official_name(Path("x") / file) == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("finetuning_ptm_2.pt", "model_1_ptm"),
        ("finetuning_3.pt", "model_1"),
        ("finetuning_no_templ_ptm_1.pt", "model_3_ptm"),
        ("finetuning_no_templ_2.pt", "model_3"),
        ("initial_training.pt", "model_1"),
        ("model_4_ptm.pt", "model_4_ptm"),
        ("model_1_ptm_small.pt", None),
        ("seq_model_esm1b_ptm.pt", None),
    ],
)
def test_openfold_preset(file, expected):
    assert openfold_preset(Path(file)) == expected


def test_files_in_a_folder(tmp_path):
    (tmp_path / "params").mkdir()
    for name in (
        "params_model_1.npz",
        "params/params_model_2_ptm.npz",
        "own.safetensors",
        "params_model_1_multimer_v3.npz",
    ):
        (tmp_path / name).write_text("")
    (tmp_path / "params_model_3.npz").mkdir()
    assert find_model(tmp_path, "model_2_ptm") == tmp_path / "params" / "params_model_2_ptm.npz"
    assert find_model(tmp_path, "own") == tmp_path / "own.safetensors"
    assert find_model(tmp_path, "model_3") is None
    assert find_model(tmp_path / "params", "../params_model_1") is None
    assert [path.name for path in find_all(tmp_path)] == [
        "params_model_1.npz",
        "params_model_2_ptm.npz",
        "own.safetensors",
    ]
    assert find_all(tmp_path / "absent") == ()


def test_how_to_get_names_the_archive_the_licence_and_the_folder(tmp_path):
    text = how_to_get(tmp_path)
    for part in (
        "https://storage.googleapis.com/alphafold/alphafold_params_2022-12-06.tar",
        "CC BY 4.0",
        str(tmp_path),
        VARIABLE,
        "random:0",
    ):
        assert part in text
