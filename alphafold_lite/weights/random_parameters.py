"""Untrained parameters from a seed, in the official layout, so that whole models can be built and compared without any file.

The rule is that of the golden values in `reference/README.md`: normal deviates of NumPy's PCG64, drawn in the order of the sorted names
and scaled by name so that activations keep their size through the network.
"""

import math
from collections.abc import Mapping

import numpy as np

from alphafold_lite.weights.rules import Shape

_SPREAD = {"offset": 0.1, "bias": 0.1, "output_b": 0.1, "gating_b": 0.5}
_AROUND = {"scale": (1.0, 0.1), "trainable_point_weights": (0.5, 0.2)}  # mean and spread
_SMALL_UPDATE = np.float32(0.3)  # keeps the frames of successive structure layers near each other


def random_parameters(layout: Mapping[str, Shape], seed: int) -> dict[str, np.ndarray]:
    """float32 arrays for every name of the layout (`SCOPE//NAME` -> shape, as `convert.official_layout` gives it)."""
    rng = np.random.Generator(np.random.PCG64(seed))
    return {key: _scaled(key, rng.standard_normal(layout[key], dtype=np.float32)) for key in sorted(layout)}


def _scaled(key: str, deviates: np.ndarray) -> np.ndarray:
    scope, _, name = key.rpartition("//")
    if name in _AROUND:
        mean, spread = _AROUND[name]
        return np.float32(mean) + np.float32(spread) * deviates
    if name in _SPREAD:
        return np.float32(_SPREAD[name]) * deviates
    value = deviates / np.float32(math.sqrt(fan_in(scope, name, deviates.shape)))
    return _SMALL_UPDATE * value if scope.endswith("/affine_update") else value


def fan_in(scope: str, name: str, shape: Shape) -> int:
    """How many inputs each output of a weight sums over; leading block axes do not matter."""
    if name in ("query_w", "gating_w"):
        return shape[-3]
    if name in ("key_w", "value_w"):
        return shape[-2] if "global_attention" in scope else shape[-3]
    if name == "output_w":
        return shape[-3] * shape[-2]
    return shape[-2]
