"""Which chain a sample is made of: weights by cluster and length, drawn independently for each sample number."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.common.errors import InputError
from alphafold_lite.training.chains import Chain, ChainSet
from alphafold_lite.training.config import DataConfig
from alphafold_lite.training.randomness import Purpose, generator

CHOICE_SEED = 0  # which chains a small run learns from does not depend on its seed


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampler:
    """Chains of several sets with their weights. Sample `n` of a seed is the same chain for any number of workers."""

    sets: tuple[ChainSet, ...]
    places: Int[np.ndarray, "N_chain 2"]  # set, chain in the set
    cumulative: Float[np.ndarray, "N_chain"]  # of the probabilities, ends in 1

    def pick(self, seed: int, sample: int) -> Chain:
        """The chain of a sample number."""
        draw = generator(seed, Purpose.CHAIN, sample).random()
        place = min(int(np.searchsorted(self.cumulative, draw, side="right")), len(self.places) - 1)
        which, index = self.places[place]
        return self.sets[which][int(index)]

    def probabilities(self) -> Float[np.ndarray, "N_chain"]:
        """How often each chain is drawn."""
        return np.diff(self.cumulative, prepend=0.0)


def build_sampler(sets: Sequence[ChainSet], config: DataConfig) -> Sampler:
    """A chain's weight is min(max(length, floor), ceiling) / (chains of its cluster in its set) (supplement 1.2.5 and 1.11.2).

    Raises:
        InputError: as many shares as sets are needed, or no chain is long enough.
    """
    if config.shares and len(config.shares) != len(sets):
        raise InputError(
            f"a share for each of {len(sets)} data files in data.shares", str(config.shares), "correct the shares"
        )
    weights: list[np.ndarray] = []
    for number, chains in enumerate(sets):
        weight = chain_weights(chains, config)
        if config.shares:
            weight = weight * (config.shares[number] / max(weight.sum(), np.finfo(np.float64).tiny))
        weights.append(weight)
    joined = keep_some(np.concatenate(weights), [c for s in sets for c in s.clusters], config.num_chains)
    if not joined.sum() > 0:
        raise InputError(f"chains of at least {config.min_length} residues", "none", "give other data")
    places = np.concatenate([np.stack((np.full(len(w), i), np.arange(len(w))), axis=-1) for i, w in enumerate(weights)])
    return Sampler(sets=tuple(sets), places=places, cumulative=np.cumsum(joined) / joined.sum())


def keep_some(
    weights: Float[np.ndarray, "N_chain"], clusters: Sequence[int], count: int
) -> Float[np.ndarray, "N_chain"]:
    """Weight 0 for all but `count` chains, always the same ones: one of each cluster before the second of any; 0 keeps all."""
    if not count:
        return weights
    order = np.random.Generator(np.random.PCG64(CHOICE_SEED)).permutation(np.flatnonzero(weights > 0))
    seen: Counter[int] = Counter()
    rounds: list[int] = []
    for place in order:
        rounds.append(seen[clusters[place]])
        seen[clusters[place]] += 1
    kept = order[np.argsort(rounds, kind="stable")[:count]]
    return np.where(np.isin(np.arange(len(weights)), kept), weights, 0.0)


def chain_weights(chains: ChainSet, config: DataConfig) -> Float[np.ndarray, "N_chain"]:
    """Weights within one set, not normalised; 0 for chains shorter than `min_length`."""
    kept = chains.lengths >= config.min_length
    cluster = np.unique(chains.clusters, return_inverse=True)[1]
    size = np.bincount(cluster, weights=kept)[cluster]
    length = np.clip(chains.lengths, config.length_floor, config.length_ceiling)
    return np.where(kept, length / np.maximum(size, 1), 0.0).astype(np.float64)


def leave_out(chains: ChainSet, ids: Collection[str]) -> ChainSet:
    """The set without the chains of these names."""
    unwanted = frozenset(ids)
    return chains.select([index for index, name in enumerate(chains.ids) if name not in unwanted])
