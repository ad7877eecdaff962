"""Made-up chains with profiles, relatives drawn from them with known gaps, and sequence sets with planted relatives."""

from dataclasses import dataclass

import numpy as np

from alphafold_lite.common.residue_constants import restypes
from data_pipeline.search.hmms import background_frequencies
from tests.support.packed_library import PackedLibrary

_LETTERS = np.array(restypes)


def random_sequence(rng: np.random.Generator, length: int) -> str:
    """Residues at their usual frequencies."""
    frequencies = background_frequencies().astype(np.float64)
    return "".join(rng.choice(_LETTERS, length, p=frequencies / frequencies.sum()))


def mutated(rng: np.random.Generator, sequence: str, share: float) -> str:
    """The sequence with a share of its residues drawn anew."""
    other = random_sequence(rng, len(sequence))
    keep = rng.random(len(sequence)) >= share
    return "".join(old if kept else new for old, new, kept in zip(sequence, other, keep, strict=True))


def family_profile(rng: np.random.Generator, sequence: str, own: float = 0.6) -> np.ndarray:
    """Frequencies in which each position keeps its residue with a probability, others sharing the rest unevenly."""
    codes = [restypes.index(letter) for letter in sequence]
    profile = (1 - own) * rng.dirichlet(np.full(20, 0.2), len(sequence))
    profile[np.arange(len(codes)), codes] += own
    return profile.astype(np.float32)


def drawn(rng: np.random.Generator, profile: np.ndarray) -> str:
    """One member of a family."""
    return "".join(rng.choice(_LETTERS, p=row / row.sum()) for row in profile.astype(np.float64))


def made_up_library(rng: np.random.Generator, num_chains: int = 40) -> PackedLibrary:
    """Unrelated chains of 60 to 140 residues; the last one has no profile."""
    sequences = [random_sequence(rng, int(rng.integers(60, 141))) for _ in range(num_chains)]
    profiles: list[np.ndarray | None] = [family_profile(rng, sequence) for sequence in sequences]
    profiles[-1] = None
    names = tuple(f"{number:04d}_A" for number in range(num_chains))
    return PackedLibrary(names, tuple(sequences), profiles)


@dataclass(frozen=True)
class SequenceExample:
    """A sequence collection as engines take it."""

    names: tuple[str, ...]
    sequences: tuple[str, ...]
    name: str = "planted"
    version: str = "planted-1"


def planted_set(
    rng: np.random.Generator, query: str, num_relatives: int = 12, num_others: int = 150
) -> SequenceExample:
    """Relatives `rel_*` at 30 to 60 % mutated residues between unrelated flanks, among unrelated sequences `other_*`."""
    names, sequences = [], []
    for number in range(num_relatives):
        share = 0.3 + 0.3 * number / max(1, num_relatives - 1)
        left, right = random_sequence(rng, 15), random_sequence(rng, 10)
        names.append(f"rel_{number}")
        sequences.append(left + mutated(rng, query, share) + right)
    for number in range(num_others):
        names.append(f"other_{number}")
        sequences.append(random_sequence(rng, int(rng.integers(50, 250))))
    return SequenceExample(tuple(names), tuple(sequences))
