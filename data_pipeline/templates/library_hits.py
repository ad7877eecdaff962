"""Hits of a scan of the library as templates: N, CA, C, O as stored, CB at its ideal place. Å."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.backbone import with_beta_carbons
from data_pipeline.search.base import Query
from data_pipeline.templates.features import Placement, to_aatype
from data_pipeline.templates.selection import (
    NotUsable,
    TemplateCandidate,
    TemplateConfig,
    TemplateSelection,
    select,
)

BACKBONE = [rc.atom_order[name] for name in ("N", "CA", "C", "O")]  # columns of the library's atoms


@runtime_checkable
class Hit(Protocol):
    """What is read of `LibraryHit`."""

    @property
    def chain(self) -> int:
        """Number in the library."""
        ...

    @property
    def name(self) -> str:
        """Such as `5NVG_A`."""
        ...

    @property
    def e_value(self) -> float:
        """Of the whole chain."""
        ...

    @property
    def sum_probs(self) -> float:
        """Pairs expected to be right; 0 where not known."""
        ...

    @property
    def query_index(self) -> Int[np.ndarray, "N_pairs"]:
        """0-based, increasing."""
        ...

    @property
    def chain_index(self) -> Int[np.ndarray, "N_pairs"]:
        """0-based, increasing."""
        ...


@runtime_checkable
class BackboneLibrary(Protocol):
    """What is read of `Library`."""

    @property
    def chain_sequences(self) -> tuple[str, ...]:
        """20 letters and X."""
        ...

    @property
    def chain_dates(self) -> tuple[date | None, ...]:
        """Of release; None where not known, as for all embedded chains."""
        ...

    def backbone(self, chain: int) -> Float[np.ndarray, "N 4 3"]:
        """N, CA, C, O."""
        ...


def from_library(
    query: Query, hits: Sequence[Hit], library: BackboneLibrary, config: TemplateConfig
) -> TemplateSelection:
    """Templates from the hits of a scan, best first."""
    chain_of = {hit.name: hit.chain for hit in hits}
    candidates = [_candidate(hit, library) for hit in hits]
    return select(query, candidates, lambda candidate: _place(candidate, chain_of[candidate.name], library), config)


def _candidate(hit: Hit, library: BackboneLibrary) -> TemplateCandidate:
    start, stop = (int(hit.chain_index.min()), int(hit.chain_index.max()) + 1) if hit.chain_index.size else (0, 0)
    return TemplateCandidate(
        source="library",
        name=hit.name,
        hit_sequence=library.chain_sequences[hit.chain][start:stop],
        query_index=hit.query_index,
        hit_index=hit.chain_index - start,
        start=start,
        e_value=hit.e_value,
        sum_probs=hit.sum_probs,
        date=library.chain_dates[hit.chain],
    )


def _place(candidate: TemplateCandidate, chain: int, library: BackboneLibrary) -> Placement:
    letters = "".join(candidate.hit_sequence[place] for place in candidate.hit_index)
    backbone = library.backbone(chain)[candidate.hit_index + candidate.start]
    known = np.asarray(np.isfinite(backbone).all(axis=-1))
    positions = np.zeros((len(letters), len(rc.atom_types), 3), np.float32)
    mask = np.zeros(positions.shape[:2], np.float32)
    positions[:, BACKBONE] = np.where(known[..., None], backbone, 0.0)
    mask[:, BACKBONE] = known
    if not known.any():
        raise NotUsable("no atoms at the aligned residues")
    positions, mask = with_beta_carbons(to_aatype(letters), positions, mask)
    return Placement(
        query_index=candidate.query_index, letters=letters, positions=positions, mask=mask, date=candidate.date
    )
