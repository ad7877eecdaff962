"""A query and its alignments to `Features`: the public entry of the package."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int

from alphafold_lite.common.errors import InputError
from alphafold_lite.common.features import Features
from alphafold_lite.common.residue_constants import restype_order, unk_restype_index
from data_pipeline.msa import Msa, encode, merge
from data_pipeline.parsers.a3m import parse_a3m
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.parsers.stockholm import parse_stockholm
from data_pipeline.parsers.text import describe, read_text

_PARSERS = {".a3m": parse_a3m, ".sto": parse_stockholm, ".stockholm": parse_stockholm}
_UNKNOWN = frozenset("BJOUXZ")  # letters that the FASTA parser writes as X


def read_alignment(path: str | Path) -> Alignment:
    """Read an alignment by its file name: `.a3m`, `.sto` or `.stockholm`, each also with `.gz`.

    Raises:
        InputError: another file name, or content that the parser refuses.
    """
    suffix = Path(str(path).removesuffix(".gz")).suffix.lower()
    if suffix not in _PARSERS:
        expected = f"an alignment named {', '.join(f'*{s}' for s in _PARSERS)} (or with .gz)"
        raise InputError(expected, str(path), "rename or convert the file")
    return _PARSERS[suffix](read_text(path), source=str(path))


def build_features(
    sequence: str, *, name: str, msa: Sequence[Alignment] = (), residue_index: Int[np.ndarray, "N_res"] | None = None
) -> Features:
    """Features of one chain of the 20 letters and X. Without alignments, the query is the whole MSA (single-sequence mode).

    Raises:
        InputError: an empty sequence, an alignment whose first row is not the query, or a residue index of another length.
    """
    if not sequence:
        raise InputError(f"a sequence for {name}", "none", "give at least one residue")
    if residue_index is not None and residue_index.shape != (len(sequence),):
        raise InputError(
            f"{len(sequence)} residue numbers for {name}", f"shape {residue_index.shape}", "give one a residue"
        )
    return assemble_features(sequence, merge_or_alone(msa, sequence, name), name=name, residue_index=residue_index)


def merge_or_alone(alignments: Sequence[Alignment], sequence: str, name: str) -> Msa:
    """The alignments of a query below each other; the query alone where there are none.

    Raises:
        InputError: an alignment whose first row is not the query.
    """
    if not alignments:
        return query_alone(sequence, name)
    return merge([with_query(alignment, sequence, name) for alignment in alignments])


def query_alone(sequence: str, name: str) -> Msa:
    """An MSA of the query and nothing else."""
    letters = encode((sequence,))
    return Msa(letters=letters, deletion_matrix=np.zeros_like(letters), descriptions=(name,))


def assemble_features(
    sequence: str,
    msa: Msa,
    *,
    name: str,
    residue_index: Int[np.ndarray, "N_res"] | None = None,
    chain_index: Int[np.ndarray, "N_res"] | None = None,
) -> Features:
    """Put the parts together. Unless told otherwise, residues are numbered from 0 and there is one chain."""
    aatype = np.array([restype_order.get(letter, unk_restype_index) for letter in sequence], np.int32)
    numbers = np.arange(len(sequence)) if residue_index is None else residue_index
    chains = np.zeros(len(sequence)) if chain_index is None else chain_index
    return Features(
        name=name,
        sequence=sequence,
        aatype=aatype,
        residue_index=numbers.astype(np.int32),
        chain_index=chains.astype(np.int32),
        msa=msa.letters,
        deletion_matrix=msa.deletion_matrix,
        msa_descriptions=msa.descriptions,
    )


def with_query(alignment: Alignment, sequence: str, name: str) -> Alignment:
    """The alignment with the query as its first row, after checking that it is; letters that became X may stand there as they were.

    Raises:
        InputError: another first row.
    """
    row = alignment.sequences[0]
    expected = f"{name} ({len(sequence)} residues) as the first row of {alignment.source}"
    action = "give the alignment of this query"
    if len(row) != len(sequence):
        raise InputError(expected, f"a row of {len(row)} residues", action)
    for position, (theirs, ours) in enumerate(zip(row, sequence, strict=True), start=1):
        if theirs != ours and not (ours == "X" and theirs in _UNKNOWN):
            raise InputError(expected, f"{describe(theirs)} instead of {describe(ours)} at position {position}", action)
    return replace(alignment, sequences=(sequence, *alignment.sequences[1:]))
