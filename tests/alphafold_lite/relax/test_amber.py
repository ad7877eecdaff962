import time
from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.common.residue_constants import atom_order
from alphafold_lite.metrics.sidechains import chi1
from alphafold_lite.relax.amber import AmberModel
from alphafold_lite.relax.pieces import find_pieces


def amber(protein, config):
    return AmberModel(protein, find_pieces(protein), config)


@pytest.fixture
def model(strand, quick):
    return amber(strand(), quick)


def test_the_first_snapshot_is_the_input_with_its_hydrogens(model, strand):
    protein = strand()
    placed, hydrogens = model.snapshot()
    np.testing.assert_allclose(
        placed.atom_positions[protein.atom_mask > 0.5], protein.atom_positions[protein.atom_mask > 0.5], atol=1e-5
    )
    assert len(hydrogens.names) == len(hydrogens.residue) == len(hydrogens.positions)
    assert (np.diff(hydrogens.residue) >= 0).all()


def test_minimisations_follow_each_other(strand, quick):
    model = amber(strand(), replace(quick, torsion_stiffness=0.0))
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


@pytest.fixture
def turned(strand, quick):
    """Degrees by which each chi1 has turned after a minimisation, from 0, where side chains stand over the backbone."""
    protein = strand("ALFLKLL", chi1=0.0)

    def degrees(stiffness, free_rows=()):
        model = amber(protein, replace(quick, torsion_stiffness=stiffness))
        model.minimise(frozenset(free_rows), time.monotonic() + 60)
        return np.abs(np.degrees(chi1(model.snapshot()[0])[0]))

    return degrees


@pytest.mark.parametrize("free_rows", [(), (1, 2, 3)])
def test_side_chains_are_held_to_their_torsions_in_free_residues_too(turned, free_rows):
    assert turned(24.0, free_rows).max() < 0.4 * turned(0.0, free_rows).max()


def test_the_ring_of_proline_is_not_held_open(strand, quick):
    """A chi1 of 180 degrees has it open: CD 3 Å and more from N."""
    model = amber(strand("APA"), quick)
    for _ in range(2):
        model.minimise(frozenset(), time.monotonic() + 60)
    after = model.snapshot()[0].atom_positions[1]
    assert 1.4 < np.linalg.norm(after[atom_order["N"]] - after[atom_order["CD"]]) < 1.55
