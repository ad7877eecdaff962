import pytest
import torch

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.geometry.violations import find_violations
from alphafold_lite.training.losses.violation import violation_loss, violation_metrics
from tests.support.loss_examples import predict, random_leaves, random_truth


def _found(noise=2.0):
    truth = random_truth(10)
    prediction = predict(truth, random_leaves(truth, noise=noise))
    positions, mask = 0.6 * prediction.atom14_positions, prediction.atom14_mask
    return truth, positions, mask, find_violations(truth.aatype, truth.residue_index, positions, mask)


def test_sum_of_bonds_angles_and_atoms():
    _, _, mask, found = _found()
    between, within = found.between_residues, found.within_residues
    per_atom = float((between.clashes_per_atom_loss_sum + within.per_atom_loss_sum).sum())
    connections = between.bonds_c_n_loss_mean + between.angles_ca_c_n_loss_mean + between.angles_c_n_ca_loss_mean
    want = float(connections) + per_atom / float(mask.sum())
    assert float(violation_loss(found, mask)) == pytest.approx(want, rel=1e-7)
    assert per_atom > 0


def test_no_atoms_no_loss():
    truth, positions, mask, _ = _found()
    found = find_violations(truth.aatype, truth.residue_index, positions, torch.zeros_like(mask))
    assert violation_loss(found, torch.zeros_like(mask)) == 0


def test_shares():
    truth, positions, mask, found = _found()
    seq_mask = truth.seq_mask.clone()
    metrics = violation_metrics(found, positions, mask, truth.residue_index, seq_mask)
    flags = found.total_per_residue_violations_mask
    assert float(metrics.violations_per_residue) == pytest.approx(float(flags.mean()))
    bonds = found.between_residues.connections_per_residue_violation_mask
    assert float(metrics.violations_between_residue_bond) == pytest.approx(float(bonds.mean()))
    clashes = found.between_residues.clashes_per_atom_clash_mask.amax(-1)
    assert float(metrics.violations_between_residue_clash) == pytest.approx(float(clashes.mean()))
    within = found.within_residues.per_atom_violations.amax(-1)
    assert float(metrics.violations_within_residue) == pytest.approx(float(within.mean()))


def test_extreme_distances_of_neighbours():
    truth, positions, mask, found = _found()
    positions = positions.clone()
    positions[:, 1] = torch.arange(10, dtype=torch.float64)[:, None] * torch.tensor([rc.ca_ca, 0.0, 0.0])
    positions[2:, 1, 0] += 1.45  # within the tolerance
    positions[7:, 1, 0] += 1.55
    metrics = violation_metrics(found, positions, mask, truth.residue_index, truth.seq_mask)
    assert float(metrics.violations_extreme_ca_ca_distance) == pytest.approx(1 / 8)  # nine neighbours, one a break
