"""The rule of the golden values, bit for bit, at small and at official size."""

import json

import numpy as np
import pytest

from alphafold_lite.presets import model_config
from alphafold_lite.weights.convert import official_layout
from alphafold_lite.weights.random_parameters import fan_in, random_parameters
from tests.support.reference import REFERENCE


@pytest.mark.parametrize("name", ["model_1_ptm", "model_3", "model_5_ptm"])
def test_recorded_parameters_are_made_from_their_seed(name, recorded):
    arrays = recorded(name)
    seed = json.loads((REFERENCE / name / "config.json").read_text())["parameter_seed"]
    made = random_parameters({key: array.shape for key, array in arrays.items()}, seed)
    assert made.keys() == arrays.keys()
    for key, array in arrays.items():
        assert made[key].dtype == np.float32
        assert made[key].tobytes() == array.tobytes(), key


def test_official_size():
    recorded = json.loads((REFERENCE / "official_size_model_1_ptm" / "config.json").read_text())
    made = random_parameters(official_layout(model_config(recorded["preset"])), recorded["parameter_seed"])
    assert len(made) == recorded["n_arrays"]
    assert sum(array.size for array in made.values()) == recorded["n_parameters"]
    assert recorded["parameter_check"]
    for key, check in recorded["parameter_check"].items():
        array = made[key]
        assert list(array.shape) == check["shape"]
        assert array.flat[0] == np.float32(check["first"])
        assert array.flat[-1] == np.float32(check["last"])
        assert array.astype(np.float64).sum() == pytest.approx(check["sum"], rel=1e-12, abs=1e-9)


def test_order_of_the_layout_does_not_matter():
    layout = {"b//weights": (3, 2), "a//bias": (2,)}
    backwards = dict(reversed(layout.items()))
    first, second = random_parameters(layout, 7), random_parameters(backwards, 7)
    assert all(np.array_equal(first[key], second[key]) for key in layout)
    assert not np.array_equal(first["a//bias"], random_parameters(layout, 8)["a//bias"])


@pytest.mark.parametrize(
    ("scope", "name", "shape", "expected"),
    [
        ("x", "weights", (48, 5, 7), 5),
        ("x", "feat_2d_weights", (48, 5, 7), 5),
        ("x/attention", "query_w", (48, 5, 8, 3), 5),
        ("x/attention", "key_w", (5, 8, 3), 5),
        ("msa_column_global_attention/attention", "key_w", (4, 5, 3), 5),
        ("msa_column_global_attention/attention", "query_w", (4, 5, 8, 3), 5),
        ("x", "output_w", (48, 8, 3, 7), 24),
    ],
)
def test_fan_in(scope, name, shape, expected):
    assert fan_in(scope, name, shape) == expected
