"""Stand-ins for what templates are made of: a library of chains, structures by entry, hits without a search."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from data_pipeline.parsers.mmcif import Structure, StructureChain
from data_pipeline.search.base import Query
from data_pipeline.search.profile_scan import LibraryHit
from data_pipeline.templates.selection import TemplateCandidate


@dataclass(frozen=True)
class ChainLibrary:
    """N, CA, C, O of chains drawn at random."""

    chain_names: tuple[str, ...]
    chain_sequences: tuple[str, ...]
    chain_dates: tuple[date | None, ...]
    backbones: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, sequences: dict[str, str], dates: dict[str, date] | None = None) -> "ChainLibrary":
        rng = np.random.default_rng(0)
        return cls(
            tuple(sequences),
            tuple(sequences.values()),
            tuple((dates or {}).get(name) for name in sequences),
            tuple(rng.normal(size=(len(s), 4, 3)).astype(np.float32) for s in sequences.values()),
        )

    def backbone(self, chain: int) -> np.ndarray:
        return self.backbones[chain]

    def hit(self, name: str, pairs: list[tuple[int, int]], e_value: float = 1e-9) -> LibraryHit:
        """A hit by (query, chain) pairs; identity and coverage are not read."""
        query_index, chain_index = (np.array(side, np.int64) for side in zip(*pairs, strict=True))
        return LibraryHit(
            chain=self.chain_names.index(name),
            name=name,
            e_value=e_value,
            score=50.0,
            identity=float("nan"),
            coverage=float("nan"),
            query_index=query_index,
            chain_index=chain_index,
        )


def structure(
    entry: str, chains: dict[str, str], released: date | None = date(2010, 1, 1), spread: float = 1.0
) -> Structure:
    """All 37 atoms of every residue, at random within a chain that goes on by `spread` Å."""
    rng = np.random.default_rng(len(entry) + sum(map(ord, entry)))
    made = [
        StructureChain(
            id=name,
            sequence=sequence,
            atom_positions=(
                rng.normal(size=(len(sequence), 37, 3)) + spread * np.arange(len(sequence))[:, None, None]
            ).astype(np.float32),
            atom_mask=np.ones((len(sequence), 37), np.float32),
        )
        for name, sequence in chains.items()
    ]
    return Structure(entry=entry, chains=tuple(made), release_date=released, resolution=2.0, method="x-ray diffraction")


@dataclass
class Entries:
    """Structures by entry; notes which were asked for."""

    found: dict[str, Structure]
    asked: list[str]

    @classmethod
    def of(cls, *structures: Structure) -> "Entries":
        return cls({made.entry: made for made in structures}, [])

    def read(self, entry: str) -> Structure | None:
        self.asked.append(entry)
        return self.found.get(entry)


def candidate(query: Query, name: str, hit_sequence: str, first: int = 0, **more: object) -> TemplateCandidate:
    """A stretch aligned without gaps from one residue of the query on."""
    length = min(len(hit_sequence), len(query.sequence) - first)
    return TemplateCandidate(
        **{
            "source": "hhsearch",
            "name": name,
            "hit_sequence": hit_sequence,
            "query_index": first + np.arange(length),
            "hit_index": np.arange(length),
        }
        | more
    )
