from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.metrics.clashes import count_clashes
from tests.support.structure_pairs import reference_chain


def by_hand(protein):
    """All pairs of atoms in loops over residues. Peptide bonds and the sixth atoms (disulfides) are let off, as in AlphaFold."""
    atoms = []
    for row, kind in enumerate(protein.aatype):
        names = rc.restype_name_to_atom14_names[rc.restype_1to3[rc.restypes[kind]]]
        for slot, name in enumerate(names):
            if name and protein.atom_mask[row, rc.atom_order[name]]:
                atoms.append(
                    (row, slot, rc.van_der_waals_radius[name[0]], protein.atom_positions[row, rc.atom_order[name]])
                )
    row, slot, radius = (np.array([atom[k] for atom in atoms]) for k in range(3))
    place = np.array([atom[3] for atom in atoms], np.float64)
    distance = np.linalg.norm(place[:, None] - place[None], axis=-1)
    near = distance < radius[:, None] + radius - 1.5
    number = protein.residue_index[row]
    peptide = (number[None] - number[:, None] == 1) & (slot[:, None] == 2) & (slot[None] == 0)
    disulfide = (slot[:, None] == 5) & (slot[None] == 5)
    return int((near & (number[None] > number[:, None]) & ~peptide & ~disulfide).sum())


@pytest.mark.parametrize("name", ["4zey_A", "with_violations_A", "with_violations_casp14_A"])
def test_agrees_with_all_pairs(name):
    protein = reference_chain(name).protein
    assert count_clashes(protein) == by_hand(protein)


def test_a_good_structure_has_none_and_a_collapsed_one_many():
    protein = reference_chain("4zey_A").protein
    assert count_clashes(protein) == 0
    assert count_clashes(protein.with_positions(protein.atom_positions * np.float32(0.5))) > 500


def test_absent_atoms_do_not_clash():
    protein = reference_chain("with_violations_casp14_A").protein
    assert count_clashes(protein) > 0
    assert count_clashes(replace(protein, atom_mask=np.zeros_like(protein.atom_mask))) == 0
