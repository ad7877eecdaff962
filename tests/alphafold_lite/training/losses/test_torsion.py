import math
from dataclasses import replace

import pytest
import torch

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.training.losses.torsion import ROTAMER_WIDTH, angle_norm_loss, rotamer_loss, torsion_loss
from tests.support.loss_examples import predict, random_leaves, random_truth

PERIODIC = torch.tensor(rc.chi_pi_periodic)


def _layers(truth, angles):
    """The same angles in two layers."""
    layer = predict(truth, random_leaves(truth)).structure.sidechains[0]
    return [replace(layer, angles=angles, unnormalized_angles=angles)] * 2


def test_zero_at_the_truth_and_half_a_turn_from_a_symmetric_end():
    truth = random_truth(20)
    targets = truth.targets()
    assert torsion_loss(_layers(truth, targets.torsions), targets) < 1e-12
    turned = targets.torsions.clone()
    turned[:, 3:] *= (1 - 2 * PERIODIC[truth.aatype])[..., None]
    assert (turned != targets.torsions).any()
    assert torsion_loss(_layers(truth, turned), targets) < 1e-12


def test_half_a_turn_elsewhere_costs_four():
    truth = random_truth(20)
    targets = truth.targets()
    turned = targets.torsions.clone()
    turned[:, 3:] *= torch.where(PERIODIC[truth.aatype] > 0, 1, -1)[..., None]
    chi = targets.torsions_mask[:, 3:]
    share = float((chi * (1 - PERIODIC[truth.aatype])).sum() / chi.sum())
    assert float(torsion_loss(_layers(truth, turned), targets)) == pytest.approx(4 * share, rel=1e-6)


def test_mean_over_layers_and_known_torsions():
    truth = random_truth(12, missing=0.4)
    targets, layers = truth.targets(), predict(truth, random_leaves(truth, noise=2.0)).structure.sidechains
    for columns, backbone_torsions in ((range(3, 7), False), (range(7), True)):
        found = [
            min(
                float((layer.angles[i, t] - truth_angles[i, t]).square().sum())
                for truth_angles in (targets.torsions, targets.torsions_alternative)
            )
            for layer in layers
            for i in range(12)
            for t in columns
            if targets.torsions_mask[i, t] > 0
        ]
        got = torsion_loss(layers, targets, backbone_torsions=backbone_torsions)
        assert float(got) == pytest.approx(sum(found) / len(found), rel=1e-9)


def test_rotamers_by_definition():
    truth = random_truth(12, missing=0.4)
    targets, layers = truth.targets(), predict(truth, random_leaves(truth, noise=2.0)).structure.sidechains
    found = []
    for layer in layers:
        for i, t in targets.torsions_mask[:, 3:].nonzero().tolist():
            predicted = torch.atan2(*layer.angles[i, 3 + t])
            turns = [
                predicted - torch.atan2(*angles[i, 3 + t])
                for angles in (targets.torsions, targets.torsions_alternative)
            ]
            nearest = min(2 - 2 * float(turn.cos()) for turn in turns)
            found.append(1 - math.exp(-nearest / ROTAMER_WIDTH))
    assert float(rotamer_loss(layers, targets)) == pytest.approx(sum(found) / len(found), rel=1e-7)


def _of_one_chi1():
    """A loss as a function of the predicted and the true angle (degrees) of the only torsion that is known."""
    truth = random_truth(12)
    targets = truth.targets()
    row = int((targets.torsions_mask[:, 3] > 0).nonzero()[0])
    only = torch.zeros_like(targets.torsions_mask)
    only[row, 3] = 1

    def at(degrees):
        angle = math.radians(degrees)
        torsions = targets.torsions.clone()
        torsions[row, 3] = torch.tensor([math.sin(angle), math.cos(angle)], dtype=torsions.dtype)
        return torsions

    def value(loss, predicted, true):
        known = replace(targets, torsions=at(true), torsions_alternative=at(true), torsions_mask=only)
        return float(loss(_layers(truth, at(predicted)), known))

    return value


def test_rotamers_choose_one_of_two_where_squares_choose_the_middle():
    """Two residues alike but for chi1, at -60 and 180 degrees: the best common answer."""
    value = _of_one_chi1()

    def best(loss):
        return min(range(-180, 180, 10), key=lambda angle: sum(value(loss, angle, true) for true in (-60, 180)))

    assert best(torsion_loss) == -120
    assert min(abs(best(rotamer_loss) - angle) for angle in (-60, -180, 180)) <= 10


def test_a_wrong_rotamer_still_feels_the_pull_of_the_right_one():
    """The slope of the loss, 120 degrees from the truth, is no small part of the steepest."""
    value = _of_one_chi1()

    def slope(degrees):
        return value(rotamer_loss, degrees + 1, 0) - value(rotamer_loss, degrees - 1, 0)

    assert slope(120) > 0.2 * max(slope(degrees) for degrees in range(5, 180, 5))


def test_norm_by_definition_without_padding():
    truth = random_truth(6)
    layers = predict(truth, random_leaves(truth, noise=3.0)).structure.sidechains
    seq_mask = torch.tensor([1.0, 1, 1, 1, 0, 0], dtype=torch.float64)
    norms = torch.stack([layer.unnormalized_angles[:4].norm(dim=-1) for layer in layers])
    got = float(angle_norm_loss(layers, seq_mask))
    assert got == pytest.approx(float((norms - 1).abs().mean()), abs=1e-5) and got > 0.1


def test_unit_vectors_have_no_norm_loss_and_zero_vectors_a_finite_gradient():
    truth = random_truth(5)
    assert angle_norm_loss(_layers(truth, truth.angles), truth.seq_mask) < 1e-6
    raw = torch.zeros(5, 7, 2, dtype=torch.float64, requires_grad=True)
    angle_norm_loss(_layers(truth, raw), truth.seq_mask).backward()
    assert torch.isfinite(raw.grad).all()


def test_no_side_chains_no_loss():
    truth = random_truth(5)
    truth = replace(truth, aatype=torch.full((5,), rc.restype_order["G"]))
    assert torsion_loss(_layers(truth, -truth.angles), truth.targets()) == 0
