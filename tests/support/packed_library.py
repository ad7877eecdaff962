"""A library of chains straight from packed training sets, or made up: the attributes a scan reads, without the packed embedded files."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "pdb_subset"


@dataclass(frozen=True)
class PackedLibrary:
    """Chains with names, sequences, and profiles or none."""

    chain_names: tuple[str, ...]
    chain_sequences: tuple[str, ...]
    profiles: Sequence[np.ndarray | None]
    backbones: Sequence[np.ndarray] = field(default=())
    name: str = "packed"
    version: str = "0" * 64

    @property
    def num_chains(self) -> int:
        return len(self.chain_names)

    @property
    def has_profiles(self) -> bool:
        return any(profile is not None for profile in self.profiles)

    def profile(self, chain: int) -> np.ndarray | None:
        return self.profiles[chain]

    def index_of(self, name: str) -> int:
        return self.chain_names.index(name)

    def backbone(self, chain: int) -> np.ndarray:
        return self.backbones[chain]


def quantised(profile: np.ndarray) -> np.ndarray:
    """Frequencies as three bits of their square root keep them."""
    kept = (np.rint(7 * np.sqrt(profile)) / 7) ** 2
    total = kept.sum(-1, keepdims=True)
    return (kept / np.where(total > 0, total, 1)).astype(np.float32)


def from_sets(paths: Sequence[Path]) -> PackedLibrary:
    """The chains of `backbone_*.npz` files, one after the other."""
    names, sequences, profiles, backbones = [], [], [], []
    for path in paths:
        arrays = np.load(path, allow_pickle=False)
        letters, profile, offset, coords = arrays["sequence"], arrays["profile"], arrays["offset"], arrays["coords"]
        frequencies = quantised(profile.astype(np.float32) / 255)
        for number, name in enumerate(arrays["id"]):
            rows = slice(offset[number], offset[number + 1])
            names.append(str(name))
            sequences.append(letters[rows].tobytes().decode())
            profiles.append(frequencies[rows])
            backbones.append(coords[rows].astype(np.float32) / 100)
    return PackedLibrary(tuple(names), tuple(sequences), profiles, backbones)
