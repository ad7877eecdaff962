from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.common.residue_constants import atom_order
from alphafold_lite.relax.pieces import describe, find_pieces, heavy_atoms


def _rows(pieces):
    return [rows.tolist() for rows in pieces.rows]


def test_an_unbroken_chain_is_one_piece(strand):
    pieces = find_pieces(strand())
    assert _rows(pieces) == [list(range(10))]
    assert pieces.chain_starts == {0} and pieces.chain_ends == {9}
    assert pieces.kept_aside == 0 and describe(pieces) == ""


def test_chains_and_jumps_in_numbering_part_pieces(strand):
    protein = strand()
    protein = replace(
        protein,
        chain_index=np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1]),
        residue_index=np.array([1, 2, 3, 4, 5, 6, 7, 20, 21, 22]),
    )
    pieces = find_pieces(protein)
    assert _rows(pieces) == [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert pieces.chain_starts == {0, 4} and pieces.chain_ends == {3, 9}


def test_what_cannot_be_simulated_is_taken_out(strand):
    protein = strand()
    aatype, mask = protein.aatype.copy(), protein.atom_mask.copy()
    aatype[[0, 3, 5]] = 20
    mask[8] = 0
    mask[8, atom_order["CA"]] = 1
    pieces = find_pieces(replace(protein, aatype=aatype, atom_mask=mask))
    assert _rows(pieces) == [[1, 2], [6, 7]]
    assert (pieces.unknown, pieces.incomplete, pieces.lone) == ((0, 3, 5), (8,), (4, 9))
    assert pieces.kept_aside == 6
    text = describe(pieces)
    assert "3 unknown (X)" in text and "1 with fewer than three atoms" in text and "2 without a neighbour" in text


@pytest.mark.parametrize("rows", [slice(0, 0), slice(0, 1)])
def test_too_few_residues(strand, take, rows):
    pieces = find_pieces(take(strand(), rows))
    assert pieces.rows == () and pieces.simulated.size == 0


def test_heavy_atoms_belong_to_the_type_and_oxt_to_the_end(strand):
    protein = strand()
    mask = protein.atom_mask.copy()
    mask[2, [atom_order["CB"], atom_order["OXT"]]] = 1  # glycine
    protein = replace(protein, atom_mask=mask)
    assert heavy_atoms(protein, 2, end_of_piece=False) == ["N", "CA", "C", "O"]
    assert heavy_atoms(protein, 2, end_of_piece=True) == ["N", "CA", "C", "O", "OXT"]
