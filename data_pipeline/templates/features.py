"""Atoms of a known chain on the residues of a query, in the 37-atom layout. Å."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.features import TemplateFeatures
from data_pipeline.msa import GAP

_HHBLITS_UNKNOWN = rc.hhblits_aa_to_id["X"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """Letters and atoms of a known chain, one row for each aligned residue of the query."""

    query_index: Int[np.ndarray, "N_pairs"]
    letters: str  # of the known chain, N_pairs long
    positions: Float[np.ndarray, "N_pairs 37 3"]
    mask: Float[np.ndarray, "N_pairs 37"]
    date: datetime.date | None = None  # of release
    remark: str = ""  # what the user should know


def to_aatype(letters: str) -> Int[np.ndarray, "N"]:
    """Residue types as AlphaFold reads the letters of hits: B as D, Z as E, U as C; J, O and others 20, gaps 21."""
    codes = [rc.hhblits_aa_to_id.get(letter, _HHBLITS_UNKNOWN) for letter in letters]
    return rc.map_hhblits_aatype_to_our_aatype[codes].astype(np.int32)


def stack(placements: Sequence[Placement], length: int) -> TemplateFeatures:
    """Features without names and scores: gaps and absent atoms where nothing is aligned."""
    count = len(placements)
    aatype = np.full((count, length), GAP, np.int32)
    positions = np.zeros((count, length, len(rc.atom_types), 3), np.float32)
    mask = np.zeros((count, length, len(rc.atom_types)), np.float32)
    for row, placement in enumerate(placements):
        aatype[row, placement.query_index] = to_aatype(placement.letters)
        positions[row, placement.query_index] = placement.positions
        mask[row, placement.query_index] = placement.mask
    return TemplateFeatures(
        names=("",) * count,
        aatype=aatype,
        atom_positions=positions * mask[..., None],
        atom_mask=mask,
        sum_probs=np.zeros(count, np.float32),
    )
