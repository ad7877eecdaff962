from dataclasses import replace

import biotite.structure as struc
import numpy as np
import pytest

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.metrics.backbone import (
    ALLOWED,
    CLASSES,
    FAVOURED,
    chain_breaks,
    dihedral,
    phi_psi,
    ramachandran,
    ramachandran_class,
    ramachandran_levels,
)
from tests.support.structure_pairs import reference_chain


@pytest.fixture(scope="module")
def crystal():
    return reference_chain("4zey_A").protein  # 1.5 Å


def level(kind, phi, psi):
    return ramachandran_levels()[CLASSES.index(kind), (phi + 180) // 5, (psi + 180) // 5]


def test_sign_of_a_dihedral():
    """Looking along the middle bond, a clockwise turn of the far bond is positive (IUPAC)."""
    points = np.array([[1.0, 0, 0], [0, 0, 0], [0, 0, 1], [0, 1, 1]])
    assert np.degrees(dihedral(points)) == pytest.approx(90)
    assert np.degrees(dihedral(points * (1, -1, 1))) == pytest.approx(-90)


def test_torsions_agree_with_biotite(crystal):
    atoms = struc.AtomArray(3 * len(crystal.aatype))
    atoms.coord = crystal.atom_positions[:, :3].reshape(-1, 3)
    atoms.atom_name = np.tile(["N", "CA", "C"], len(crystal.aatype))
    atoms.res_id = np.repeat(crystal.residue_index, 3)
    atoms.chain_id[:] = "A"
    atoms.res_name[:] = "ALA"
    phi, psi, _ = struc.dihedral_backbone(atoms)
    angles, known = phi_psi(crystal)
    np.testing.assert_allclose(angles[known], np.stack((phi, psi), axis=-1)[known], atol=1e-4)
    assert known.sum() == len(crystal.aatype) - 2


def test_known_places_of_the_plot():
    assert level("general", -60, -45) == FAVOURED  # alpha helix
    assert level("general", -120, 130) == FAVOURED  # beta strand
    assert level("general", -65, 140) == FAVOURED  # polyproline
    assert level("general", 55, 45) == FAVOURED  # left-handed helix
    assert level("general", 75, -65) == ALLOWED  # gamma turn, rare but real (Lovell et al.)
    assert level("general", 130, 90) == level("general", -20, 100) == 0
    assert level("glycine", 85, -175) == FAVOURED
    assert level("general", 100, -175) == 0
    assert level("proline", -65, 145) == FAVOURED
    assert level("proline", -130, 145) == 0  # the ring holds phi
    assert level("preproline", -60, -45) == FAVOURED


def test_glycine_is_symmetric():
    table = ramachandran_levels()[CLASSES.index("glycine")]
    assert (table != table[::-1, ::-1]).mean() < 0.02


def test_classes():
    aatype = np.array([rc.restype_order[letter] for letter in "AGPAPPG"])
    assert [CLASSES[number] for number in ramachandran_class(aatype)] == [
        "general", "glycine", "proline", "preproline", "proline", "proline", "glycine",
    ]  # fmt: skip


def test_a_crystal_structure_is_favoured(crystal):
    found = ramachandran(crystal)
    assert found.num_residues == len(crystal.aatype) - 2
    assert found.num_favoured / found.num_residues > 0.95
    assert found.num_favoured + found.num_allowed == found.num_residues


def test_a_mirror_image_of_strands_is_not():
    """Mirrored helices stand in the region of left-handed ones, so a structure of strands is taken."""
    strands = reference_chain("4i6p_A").protein
    mirrored = ramachandran(strands.with_positions(strands.atom_positions * np.float32([1, 1, -1])))
    assert ramachandran(strands).num_favoured > 0.95 * mirrored.num_residues
    assert mirrored.num_favoured < 0.4 * mirrored.num_residues


def test_unknown_residues_and_neighbours_of_a_gap_are_not_counted(crystal):
    number = crystal.residue_index + 5 * (np.arange(len(crystal.aatype)) >= 40)
    aatype = crystal.aatype.copy()
    aatype[10] = rc.unk_restype_index
    found = ramachandran(replace(crystal, residue_index=number, aatype=aatype))
    assert found.num_residues == len(crystal.aatype) - 2 - 2 - 1


def test_breaks(crystal):
    num_links = len(crystal.aatype) - 1
    assert chain_breaks(crystal) == (0, num_links)
    moved = crystal.atom_positions.copy()
    moved[40:] += np.float32([0, 0, 6])
    assert chain_breaks(crystal.with_positions(moved)) == (1, num_links)
    renumbered = crystal.residue_index + (np.arange(num_links + 1) >= 40)
    assert chain_breaks(replace(crystal.with_positions(moved), residue_index=renumbered)) == (0, num_links - 1)


def test_one_residue():
    chain = reference_chain("4zey_A").protein
    alone = replace(chain, **{name: getattr(chain, name)[:1] for name in chain.__dataclass_fields__})
    assert chain_breaks(alone) == (0, 0)
    assert ramachandran(alone).num_residues == 0
