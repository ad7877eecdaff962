"""What a search of the chains of a library finds, whatever compares them, and what the hits' profiles say of the query."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.common.features import CarriedProfile
from data_pipeline.search.base import Query

SURE = 1e-3  # E-value of hits whose profile is carried over, and which are ranked by how much of the query they explain
_IDENTICAL_PAIR = 0.5  # expected right pairs that an identical one counts for on top
_CERTAIN_EXPONENT = 10.0  # -log10(E) from which a hit's profile counts fully
_SMALLEST_E_VALUE = 1e-300


@runtime_checkable
class ProfileSource(Protocol):
    """Where stored profiles come from."""

    def profile(self, chain: int) -> Float[np.ndarray, "N_res 20"] | None:
        """Frequencies in the order of `restypes`, rows summing to 1 or 0."""
        ...


@runtime_checkable
class ChainLibrary(ProfileSource, Protocol):
    """What a scan reads of a library."""

    @property
    def num_chains(self) -> int:
        """Chains with a structure."""
        ...

    @property
    def chain_names(self) -> tuple[str, ...]:
        """Such as `5NVG_A`."""
        ...

    @property
    def chain_sequences(self) -> tuple[str, ...]:
        """20 letters and X."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryHit:
    """One chain whose family the query fits, with the aligned pairs of all its colinear domains."""

    chain: int  # number in the library
    name: str
    e_value: float  # of the whole chain, expected number among all chains of the library
    score: float  # bits
    identity: float  # share of the aligned pairs with equal residues
    coverage: float  # share of the query that is aligned
    query_index: Int[np.ndarray, "N_pairs"]  # 0-based, increasing
    chain_index: Int[np.ndarray, "N_pairs"]
    sum_probs: float = 0.0  # pairs expected to be right, as HHsearch has it; 0 where the search does not say


def library_hit(
    query: Query,
    library: ChainLibrary,
    chain: int,
    pairs: tuple[Int[np.ndarray, "N_pairs"], Int[np.ndarray, "N_pairs"]],
    *,
    e_value: float,
    score: float,
    sum_probs: float = 0.0,
) -> LibraryHit:
    """A hit with the identity and coverage of its pairs (residues of the query, of the chain); X is equal to nothing."""
    query_index, chain_index = pairs
    query_letters = np.frombuffer(query.sequence.encode(), np.uint8)[query_index]
    chain_letters = np.frombuffer(library.chain_sequences[chain].encode(), np.uint8)[chain_index]
    is_equal = (query_letters == chain_letters) & (query_letters != ord("X"))
    return LibraryHit(
        chain=chain,
        name=library.chain_names[chain],
        e_value=e_value,
        score=score,
        identity=float(is_equal.mean()),
        coverage=len(query_index) / len(query.sequence),
        query_index=query_index,
        chain_index=chain_index,
        sum_probs=sum_probs,
    )


def best_first(hits: Iterable[LibraryHit]) -> tuple[LibraryHit, ...]:
    """By E-value, then score; equal ones in the library's order."""
    return tuple(sorted(hits, key=lambda hit: (hit.e_value, -hit.score, hit.chain)))


def closest_first(hits: Iterable[LibraryHit]) -> tuple[LibraryHit, ...]:
    """Sure hits by the pairs expected to be right, identical ones counting more; then the others by E-value.

    E-values tell relatives from chance; in a large family the smallest one need not be the nearest or the best covered chain.
    """

    def rank(hit: LibraryHit) -> tuple[bool, float, float, int]:
        is_sure = hit.e_value <= SURE
        closeness = hit.sum_probs + _IDENTICAL_PAIR * hit.identity * len(hit.query_index)
        return not is_sure, -closeness if is_sure else 0.0, hit.e_value, hit.chain

    return tuple(sorted(hits, key=rank))


def carried_profile(hits: Sequence[LibraryHit], library: ProfileSource, length: int) -> CarriedProfile:
    """Stored profiles of the hits, moved onto the query along their alignments.

    Each hit counts with min(1, -log10(E) / 10); chains without a profile count nothing.

    Args:
        hits: of one query.
        library: the library that they come from.
        length: residues of the query.

    Returns:
        Weighted mean frequencies, rows summing to 1 (or 0 where no hit says anything), and the largest weight of a hit at each residue, 0 to 1.
    """
    total = np.zeros((length, 20), np.float64)
    weight = np.zeros(length, np.float64)
    for hit in hits:
        profile = library.profile(hit.chain)
        if profile is None:
            continue
        exponent = -np.log10(max(hit.e_value, _SMALLEST_E_VALUE))
        trust = min(1.0, max(0.0, float(exponent) / _CERTAIN_EXPONENT))
        rows = profile[hit.chain_index]
        total[hit.query_index] += trust * rows
        at_residue = trust * (rows.sum(axis=1) > 0)
        weight[hit.query_index] = np.maximum(weight[hit.query_index], at_residue)
    norm = total.sum(axis=1, keepdims=True)
    frequencies = total / np.where(norm > 0, norm, 1.0)
    return CarriedProfile(frequencies=frequencies.astype(np.float32), trust=weight.astype(np.float32))
