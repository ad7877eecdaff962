"""Shared inputs: the recorded small models and the names and shapes of official files."""

import json
from functools import cache

import numpy as np
import pytest

from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.alphafold import AlphaFold
from alphafold_lite.model.config import ModelConfig
from alphafold_lite.presets import model_config
from alphafold_lite.weights.convert import allocate, load_official
from alphafold_lite.weights.infer_config import infer_official
from alphafold_lite.weights.random_parameters import random_parameters
from alphafold_lite.weights.rules import Shape
from tests.support.reference import reference_path


@cache
def _recorded(name: str) -> dict[str, np.ndarray]:
    with np.load(reference_path(name, "tiny_params.npz"), allow_pickle=False) as file:
        return dict(file)


@pytest.fixture
def recorded():
    """Parameters of a recorded small model by folder name; a fresh dict over shared arrays."""
    return lambda name: dict(_recorded(name))


@cache
def _layouts() -> dict[str, dict[str, Shape]]:
    groups = json.loads(reference_path("official_parameter_layout.json").read_text())["groups"]
    return {
        model: {name: tuple(shape) for name, shape in group["shapes"].items()}
        for group in groups
        for model in group["models"]
    }


@pytest.fixture
def layouts():
    """Official model name -> array name -> shape."""
    return _layouts()


@pytest.fixture
def openfold_layouts():
    """The same for OpenFold."""
    layouts = json.loads(reference_path("openfold", "parameter_names.json").read_text())
    return {model: {name: tuple(shape) for name, shape in shapes.items()} for model, shapes in layouts.items()}


@pytest.fixture
def small():
    """A model as small as the recorded ones, with its parameters in the official layout."""
    arrays = dict(_recorded("model_1_ptm"))
    config = infer_official({name: array.shape for name, array in arrays.items()}, ModelConfig())
    model = allocate(config, reference())
    load_official(model, arrays)
    return model, arrays


@pytest.fixture
def tiny() -> AlphaFold:
    """The preset `tiny` with random parameters."""
    from alphafold_lite.weights.convert import official_layout

    config = model_config("tiny")
    model = allocate(config, reference())
    load_official(model, random_parameters(official_layout(config), 0))
    return model
