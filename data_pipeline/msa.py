"""Alignments to one matrix of letters: merging, de-duplication, profile, species (AlphaFold 2 supplement, 1.2.3)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.common.errors import InputError
from alphafold_lite.common.residue_constants import hhblits_aa_to_id, map_hhblits_aatype_to_our_aatype
from data_pipeline.parsers.alignment import Alignment

GAP, MASK = 21, 22  # letters of the network beyond the 20 residue types and X (20)
NUM_UNMASKED = 22  # residue types, X and gap
_LETTER_CODES = np.zeros(256, np.int32)
for _letter, _hhblits_code in hhblits_aa_to_id.items():
    _LETTER_CODES[ord(_letter)] = map_hhblits_aatype_to_our_aatype[_hhblits_code]

# UniProt: database, accession (6 or 10 letters; sometimes an isoform after '_'), entry name, each set off by '|'. The entry name ends in the
# species' mnemonic code of at most five letters (UniProt manual, "Entry name"); reduced databases may add a number behind it.
_UNIPROT_NAME = re.compile(
    r"(?:sp|tr)\|[A-Za-z0-9]{6,10}(?:_[0-9])?\|[A-Za-z0-9]+(?:_[0-9])?_(?P<species>[A-Za-z0-9]{1,5})(?:_[0-9]+)?"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Msa:
    """All rows known for a query, each once; row 0 is the query."""

    letters: Int[np.ndarray, "N_rows N_res"]  # 0-21, network order
    deletion_matrix: Int[np.ndarray, "N_rows N_res"]
    descriptions: tuple[str, ...]


def encode(sequences: Sequence[str]) -> Int[np.ndarray, "N_rows N_res"]:
    """Aligned rows of capitals and `-` as network letters; B counts as D, U as C, Z as E, J and O as X (HHblits' rule)."""
    codes = np.frombuffer("".join(sequences).encode("ascii"), np.uint8)
    return _LETTER_CODES[codes].reshape(len(sequences), -1)


def merge(alignments: Sequence[Alignment]) -> Msa:
    """Stack alignments in order; of rows with the same letters the first is kept, with its deletions and description.

    Raises:
        InputError: no alignment, or alignments over different numbers of columns.
    """
    if not alignments:
        raise InputError("at least one alignment to merge", "none", "give an alignment or the query alone")
    num_columns = len(alignments[0].sequences[0])
    rows: dict[str, tuple[np.ndarray, str]] = {}
    for alignment in alignments:
        if len(alignment.sequences[0]) != num_columns:
            found = f"{len(alignment.sequences[0])} in {alignment.source}"
            raise InputError(f"{num_columns} columns, as in {alignments[0].source}", found, "align all to one query")
        entries = zip(alignment.deletion_matrix, alignment.descriptions, strict=True)
        for sequence, entry in zip(alignment.sequences, entries, strict=True):
            rows.setdefault(sequence, entry)
    return Msa(
        letters=encode(tuple(rows)),
        deletion_matrix=np.stack([deletions for deletions, _ in rows.values()]).astype(np.int32),
        descriptions=tuple(description for _, description in rows.values()),
    )


def letter_profile(msa: Int[np.ndarray, "N_rows N_res"]) -> Float[np.ndarray, "N_res 22"]:
    """Share of every letter, X and gap included, in each column over all rows."""
    counts = [np.count_nonzero(msa == letter, axis=0) for letter in range(NUM_UNMASKED)]
    return (np.stack(counts, axis=-1) / len(msa)).astype(np.float32)


def species_identifier(description: str) -> str:
    """The species' mnemonic in a UniProt name (`tr|A0A0A8LFH4|A0A0A8LFH4_9EUKA` gives `9EUKA`), or nothing for any other name."""
    words = description.split(maxsplit=1)
    match = _UNIPROT_NAME.fullmatch(words[0].partition("/")[0]) if words else None
    return match["species"] if match else ""
