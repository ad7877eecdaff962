from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.metrics.sidechains import chi1, chi1_accuracy, num_beta_neighbours
from tests.support.structure_pairs import reference_chain

N, CA, CB = (rc.atom_order[name] for name in ("N", "CA", "CB"))


@pytest.fixture(scope="module")
def crystal():
    return reference_chain("4zey_A").protein


def with_chi1_turned(protein, degrees):
    """Everything beyond CB turned about CA-CB."""
    positions = protein.atom_positions.astype(np.float64)
    axis = positions[:, CB] - positions[:, CA]
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = np.radians(degrees)
    relative = positions - positions[:, CA : CA + 1]
    along = (relative * axis[:, None]).sum(-1, keepdims=True) * axis[:, None]
    turned = along + np.cos(angle) * (relative - along) + np.sin(angle) * np.cross(axis[:, None], relative)
    side = [column for column, name in enumerate(rc.atom_types) if name not in ("N", "CA", "C", "O", "CB", "OXT")]
    positions[:, side] = (turned + positions[:, CA : CA + 1])[:, side]
    return protein.with_positions(positions.astype(np.float32))


def test_a_structure_agrees_with_itself(crystal):
    found = chi1_accuracy(crystal, crystal)
    letters = [rc.restypes_with_x[kind] for kind in crystal.aatype]
    assert found.num_correct == found.num_residues
    assert found.num_residues <= sum(letter not in "AGX" for letter in letters)
    assert 0 < found.num_buried_correct == found.num_buried < found.num_residues


@pytest.mark.parametrize("degrees", [39, -39, 360 - 39])
def test_within_forty_degrees(crystal, degrees):
    found = chi1_accuracy(with_chi1_turned(crystal, degrees), crystal)
    assert found.num_correct == found.num_residues


@pytest.mark.parametrize("degrees", [41, -41, 120, 180])
def test_beyond_forty_degrees(crystal, degrees):
    found = chi1_accuracy(with_chi1_turned(crystal, degrees), crystal)
    assert found.num_correct == found.num_buried_correct == 0
    assert found.num_residues > 0


def test_chi1_rises_as_the_side_chain_turns(crystal):
    (before, known), (after, _) = chi1(crystal), chi1(with_chi1_turned(crystal, 30))
    np.testing.assert_allclose(np.degrees(np.angle(np.exp(1j * (after - before))))[known], 30, atol=0.01)


def test_residues_without_side_chain_atoms_are_not_counted(crystal):
    mask = crystal.atom_mask.copy()
    mask[:, 5:] = 0
    assert chi1_accuracy(replace(crystal, atom_mask=mask), crystal).num_residues == 0
    assert chi1_accuracy(crystal, replace(crystal, atom_mask=mask)).num_residues == 0


def test_neighbours_are_counted_one_by_one(crystal):
    found = num_beta_neighbours(crystal)
    has = crystal.atom_mask[:, CB] > 0
    for row in range(0, len(has), 9):
        distances = [
            np.linalg.norm(crystal.atom_positions[row, CB] - crystal.atom_positions[k, CB])
            for k in range(len(has))
            if has[k] and k != row
        ]
        assert found[row] == (sum(distance <= 10 for distance in distances) if has[row] else -1)
    buried = chi1_accuracy(crystal, crystal).num_buried
    assert buried == int(((found >= 16) & chi1(crystal)[1]).sum())
