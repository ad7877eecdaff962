"""Pairs of CA traces (model, native) for metrics: structures of the reference set, bent, shaken, mirrored and mixed without any random number."""

from functools import cache

import numpy as np

from alphafold_lite.training.chains import Chain, ChainSet
from tests.support.reference import reference_path

CA = 1


@cache
def reference_chain(name: str) -> Chain:
    """A chain of `relax/` or `templates/` by its id, such as `multiple_disulfides_target_A`."""
    folder = reference_path("templates" if name[0].isdigit() else "relax")
    chains = ChainSet.open(folder)
    return chains[chains.ids.index(name)]


def turned(points: np.ndarray, degrees: float) -> np.ndarray:
    """Turned about the axis (1, 1, 1) through the first point."""
    axis = np.ones(3) / np.sqrt(3)
    cross = np.cross(np.eye(3), axis)
    angle = np.radians(degrees)
    rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return (points - points[0]) @ rotation + points[0]


def waved(points: np.ndarray, height: float) -> np.ndarray:
    """Each coordinate displaced by a wave along the chain, `height` Å."""
    number = np.arange(len(points))
    return points + height * np.stack([np.sin(number / 7), np.cos(number / 11), np.sin(number / 5 + 1)], axis=-1)


def pairs() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By name: near-native, a hinge, waves of two heights, a mirror image, unrelated chains, a short chain."""
    long = reference_chain("multiple_disulfides_target_A").atom37_positions[:, CA].astype(np.float64)
    other = reference_chain("with_violations_casp14_A").atom37_positions[:, CA].astype(np.float64)
    short = reference_chain("3u8v_A").atom37_positions[:83, CA].astype(np.float64)
    hinged = long.copy()
    hinged[90:] = turned(long[90:], 70)
    found = {
        "near": (waved(turned(long, 40), 0.6), long),
        "hinge": (hinged, long),
        "wave": (waved(long, 3), long),
        "high_wave": (waved(long, 8), long),
        "mirror": (long * (1, 1, -1), long),
        "unrelated": (other, long[: len(other)]),
        "short_wave": (waved(short, 4), short),
    }
    return {name: (model.round(3), native.round(3)) for name, (model, native) in found.items()}
