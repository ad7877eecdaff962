import time

import numpy as np
import pytest

from alphafold_lite.relax.amber import AmberModel
from alphafold_lite.relax.pieces import find_pieces


@pytest.fixture
def model(strand, quick):
    protein = strand()
    return AmberModel(protein, find_pieces(protein), quick)


def test_the_first_snapshot_is_the_input_with_its_hydrogens(model, strand):
    protein = strand()
    placed, hydrogens = model.snapshot()
    np.testing.assert_allclose(
        placed.atom_positions[protein.atom_mask > 0.5], protein.atom_positions[protein.atom_mask > 0.5], atol=1e-5
    )
    assert len(hydrogens.names) == len(hydrogens.residue) == len(hydrogens.positions)
    assert (np.diff(hydrogens.residue) >= 0).all()


def test_minimisations_follow_each_other(model):
    deadline = time.monotonic() + 60
    first = model.minimise(frozenset(), deadline)
    second = model.minimise(frozenset(), deadline)
    assert second.energy_before == first.energy_after
    assert second.energy_after < first.energy_after < first.energy_before  # the restraints start where the first ended
    assert not (first.out_of_time or first.out_of_iterations)


def test_bonds_to_hydrogen_have_the_length_of_the_force_field(model):
    model.minimise(frozenset(), time.monotonic() + 60)
    placed, hydrogens = model.snapshot()
    row = next(i for i, name in enumerate(hydrogens.names) if name == "H" and hydrogens.residue[i] == 3)
    length = np.linalg.norm(hydrogens.positions[row] - placed.atom_positions[3, 0])
    assert length == pytest.approx(1.01, abs=1e-3)  # Å, N-H of ff99SB


def test_a_deadline_in_the_past_stops_at_once(model):
    outcome = model.minimise(frozenset(), time.monotonic() - 1)
    assert outcome.out_of_time and outcome.iterations == 1
