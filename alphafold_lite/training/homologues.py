"""Relatives of the training chains among the training chains, searched once and kept in a file: templates and profiles as a user's search gives them.

The file (`.npz`) holds for each query its hits, best first, and each hit's alignment as runs (query start, chain start, length), all from 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.errors import InputError
from alphafold_lite.common.features import CarriedProfile, TemplateFeatures
from alphafold_lite.training.chains import Chain, ChainSet
from alphafold_lite.training.config import HomologueConfig
from alphafold_lite.training.corruption import BACKBONE_COLUMNS
from alphafold_lite.training.crops import Crop
from alphafold_lite.weights.npz import read_npz
from data_pipeline.search.library_hit import LibraryHit, carried_profile
from data_pipeline.templates.features import Placement, stack

ARRAYS = ("query", "hit_offset", "name", "chain", "log_e_value", "score", "identity", "coverage", "run_offset", "runs")
SMALLEST_E_VALUE = 1e-300


def to_arrays(found: Iterable[tuple[str, Sequence[LibraryHit]]]) -> dict[str, np.ndarray]:
    """The file's content: the hits of each query by its name."""
    queries, counts, hits = [], [0], []
    for query, theirs in found:
        queries.append(query)
        counts.append(len(theirs))
        hits += theirs
    names = sorted({hit.name for hit in hits})
    number = {name: place for place, name in enumerate(names)}
    runs = [to_runs(hit.query_index, hit.chain_index) for hit in hits]
    return {
        "query": np.array(queries, np.str_),
        "hit_offset": np.cumsum(counts, dtype=np.int64),
        "name": np.array(names, np.str_),
        "chain": np.array([number[hit.name] for hit in hits], np.int32),
        "log_e_value": np.log10([max(hit.e_value, SMALLEST_E_VALUE) for hit in hits]).astype(np.float32),
        "score": np.array([hit.score for hit in hits], np.float32),
        "identity": np.array([hit.identity for hit in hits], np.float32),
        "coverage": np.array([hit.coverage for hit in hits], np.float32),
        "run_offset": np.cumsum([0, *(len(r) for r in runs)], dtype=np.int64),
        "runs": np.concatenate([np.zeros((0, 3), np.int16), *runs]),
    }


def to_runs(query: Int[np.ndarray, "N_pairs"], chain: Int[np.ndarray, "N_pairs"]) -> Int[np.ndarray, "N_runs 3"]:
    """Pairs as ungapped runs: where one starts in the query and in the chain, and how long it is."""
    breaks = np.flatnonzero((np.diff(query) != 1) | (np.diff(chain) != 1)) + 1
    starts = np.concatenate(([0], breaks))
    lengths = np.diff(np.concatenate((starts, [len(query)])))
    return np.stack((query[starts], chain[starts], lengths), axis=-1).astype(np.int16)


@dataclass(frozen=True, kw_only=True, slots=True)
class Homologues:
    """Hits by the name of the query, and the chains that they name. A library for `carried_profile`: chains go by their number in the file."""

    arrays: Mapping[str, np.ndarray]
    places: Mapping[str, int]  # of the queries
    chains: Mapping[int, tuple[ChainSet, int]]  # by number

    @classmethod
    def open(cls, path: Path, sets: Sequence[ChainSet]) -> "Homologues":
        """The file, with hits on chains of these sets only: what is left out of training is no template either.

        Raises:
            InputError: no such file, or one of another layout.
        """
        arrays = read_npz(path)
        if missing := [name for name in ARRAYS if name not in arrays]:
            expected = f"hits between chains, with the arrays {', '.join(ARRAYS)}"
            raise InputError(expected, f"{path} without {', '.join(missing)}", "make the file again")
        known = {name: (chains, index) for chains in reversed(sets) for index, name in enumerate(chains.ids)}
        names = [str(name) for name in arrays["name"]]
        return cls(
            arrays=arrays,
            places={str(name): place for place, name in enumerate(arrays["query"])},
            chains={number: known[name] for number, name in enumerate(names) if name in known},
        )

    def hits(self, query: str) -> list[LibraryHit]:
        """Of a query by its name, best first; none for a query that is not there."""
        place = self.places.get(query)
        if place is None:
            return []
        first, last = self.arrays["hit_offset"][place : place + 2]
        return [self._hit(number) for number in range(first, last) if int(self.arrays["chain"][number]) in self.chains]

    def _hit(self, number: int) -> LibraryHit:
        first, last = self.arrays["run_offset"][number : number + 2]
        runs = self.arrays["runs"][first:last].astype(np.int64)
        query, chain = (np.concatenate([np.arange(run[k], run[k] + run[2]) for run in runs]) for k in (0, 1))
        which = int(self.arrays["chain"][number])
        return LibraryHit(
            chain=which,
            name=str(self.arrays["name"][which]),
            e_value=float(10.0 ** float(self.arrays["log_e_value"][number])),
            score=float(self.arrays["score"][number]),
            identity=float(self.arrays["identity"][number]),
            coverage=float(self.arrays["coverage"][number]),
            query_index=query,
            chain_index=chain,
        )

    def structure(self, chain: int) -> Chain:
        """The chain of a hit."""
        chains, index = self.chains[chain]
        return chains[index]

    def profile(self, chain: int) -> Float[np.ndarray, "N_res 20"] | None:
        """The chain's own profile, where it has one."""
        return self.structure(chain).profile


def draw_hits(hits: Sequence[LibraryHit], config: HomologueConfig, rng: np.random.Generator) -> list[LibraryHit]:
    """Some of the hits, still best first: often none above a random identity, so that far relatives are met as often as near ones."""
    limit = config.most_identity
    if rng.random() < config.limited_share:
        limit = rng.uniform(config.least_limit, config.most_identity)
    dropped = rng.random(len(hits)) < config.dropped
    return [hit for hit, left_out in zip(hits, dropped, strict=True) if not left_out and hit.identity < limit]


@dataclass(frozen=True, kw_only=True, slots=True)
class Relatives:
    """The hits that one sample may use."""

    hits: Sequence[LibraryHit]
    source: Homologues

    def templates(self, crop: Crop, most: int) -> TemplateFeatures | None:
        """The backbones of the best hits on the residues of a crop, possibly of none; None where there is no place for any.

        E-value, identity and coverage are those of the whole chain, as a search gives them.
        """
        if not most:
            return None
        hits = self.hits[:most]
        laid = stack([self._placement(_on_crop(crop, hit)) for hit in hits], crop.stop - crop.start)
        return replace(
            laid,
            names=tuple(hit.name for hit in hits),
            e_value=np.array([hit.e_value for hit in hits], np.float64),
            identity=np.array([hit.identity for hit in hits], np.float64),
            coverage=np.array([hit.coverage for hit in hits], np.float64),
        )

    def _placement(self, hit: LibraryHit) -> Placement:
        chain, rows = self.source.structure(hit.chain), hit.chain_index
        mask = np.zeros((len(rows), len(rc.atom_types)), np.float32)
        mask[:, BACKBONE_COLUMNS] = chain.atom37_mask[rows][:, BACKBONE_COLUMNS]
        return Placement(
            query_index=hit.query_index,
            letters="".join(chain.sequence[row] for row in rows),
            positions=chain.atom37_positions[rows],
            mask=mask,
        )

    def carried(self, crop: Crop) -> CarriedProfile:
        """What the hits' own profiles say where they are aligned, and how far to trust it, 0 to 1."""
        return carried_profile([_on_crop(crop, hit) for hit in self.hits], self.source, crop.stop - crop.start)


def _on_crop(crop: Crop, hit: LibraryHit) -> LibraryHit:
    inside = (hit.query_index >= crop.start) & (hit.query_index < crop.stop)
    return replace(hit, query_index=hit.query_index[inside] - crop.start, chain_index=hit.chain_index[inside])
