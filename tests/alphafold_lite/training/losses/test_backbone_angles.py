import math

import pytest
import torch
from torch.nn import functional as F

from alphafold_lite.geometry.torsions import PSI
from alphafold_lite.training.losses.backbone_angles import PHI, angle_bins, backbone_angles_loss
from tests.support.loss_examples import random_truth


def _vector(degrees):
    turned = torch.deg2rad(torch.as_tensor(degrees, dtype=torch.float64))
    return torch.stack((turned.sin(), turned.cos()), dim=-1)


@pytest.mark.parametrize("degrees, number", [(-179.9, 0), (-150.1, 0), (-149.9, 1), (-0.1, 5), (0.1, 6), (179.9, 11)])
def test_classes_of_an_angle(degrees, number):
    assert int(angle_bins(_vector(degrees), 12)) == number


def test_half_a_turn_has_a_class_by_either_name():
    assert {int(angle_bins(torch.tensor([sine, -1.0]), 12)) for sine in (0.0, -0.0)} <= {0, 11}


def test_by_loops():
    truth = random_truth(15, missing=0.3)
    targets = truth.targets()
    logits = torch.randn(15, 36, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    losses = []
    for row, angles, known in zip(logits, targets.torsions, targets.torsions_mask, strict=True):
        if known[PHI] * known[PSI] == 0:
            continue
        phi, psi = (int((math.atan2(*angles[column].tolist()) / math.pi + 1) / 2 * 6) for column in (PHI, PSI))
        losses.append(-float(F.log_softmax(row, dim=-1)[6 * phi + psi]))
    assert 0 < len(losses) < 15
    assert float(backbone_angles_loss(logits, targets)) == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_the_true_classes_cost_nothing_and_others_much():
    targets = random_truth(15).targets()
    phi, psi = (angle_bins(targets.torsions[:, column], 6) for column in (PHI, PSI))
    right = 40.0 * F.one_hot(6 * phi + psi, 36).double()
    wrong = 40.0 * F.one_hot((6 * phi + psi + 1) % 36, 36).double()
    assert float(backbone_angles_loss(right, targets)) < 1e-6
    assert float(backbone_angles_loss(wrong, targets)) == pytest.approx(40, abs=0.1)
