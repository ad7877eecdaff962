"""Rows of different chains' alignments that come from one species, which may be partners (AlphaFold-Multimer's pairing)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from data_pipeline.msa import Msa, species_identifier

NO_ROW = -1
MAX_SPECIES_ROWS = (
    600  # a species with more in one alignment pairs nothing: paralogs in such numbers say little about partners
)


def pair_by_species(msas: Sequence[Msa]) -> Int[np.ndarray, "N_pairs N_msas"]:
    """Row numbers of each alignment, a line for rows that belong together, and `NO_ROW` where an alignment has none.

    In a species, the row most like its query goes with those most like theirs, then the second, as far as all alignments that have the
    species reach. Species in more alignments come first, of equal ones those met first. The queries (row 0) are not paired.
    """
    by_species = [_rows_by_species(msa) for msa in msas]
    names = dict.fromkeys(name for rows in by_species for name in rows)
    pairs: list[list[int]] = []
    for name in sorted(names, key=lambda name: -sum(name in rows for rows in by_species)):
        found = [rows.get(name, []) for rows in by_species]
        counts = [len(rows) for rows in found if rows]
        if len(counts) > 1 and max(counts) <= MAX_SPECIES_ROWS:
            pairs += [[rows[rank] if rows else NO_ROW for rows in found] for rank in range(min(counts))]
    return np.array(pairs, np.int32).reshape(-1, len(msas))


def _rows_by_species(msa: Msa) -> dict[str, list[int]]:
    """Rows of each species, those most like the query first."""
    likeness = np.count_nonzero(msa.letters == msa.letters[0], axis=1)
    found: dict[str, list[int]] = {}
    for row, description in enumerate(msa.descriptions[1:], start=1):
        if species := species_identifier(description):
            found.setdefault(species, []).append(row)
    return {species: sorted(rows, key=lambda row: -int(likeness[row])) for species, rows in found.items()}
