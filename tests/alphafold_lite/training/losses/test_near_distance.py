import math
from dataclasses import replace

import pytest
import torch

from alphafold_lite.training.losses.near_distance import NEAR_RESIDUES, SQUARED_FLOOR, near_distance_loss
from tests.support.loss_examples import noisy, random_truth
from tests.support.random_inputs import random_rigid


def test_by_loops():
    truth = random_truth(20, missing=0.3)
    truth = replace(
        truth, residue_index=truth.residue_index + 2 * (torch.arange(20) >= 9)
    )  # two residues are not there
    targets = truth.targets()
    true, errors = targets.backbone.translation, []
    layers = [noisy(true, 2.0, seed) for seed in range(3)]
    for predicted in layers:
        for i in range(20):
            for j in range(i):
                apart = abs(int(targets.residue_index[i] - targets.residue_index[j]))
                if apart <= NEAR_RESIDUES and targets.backbone_mask[i] * targets.backbone_mask[j] > 0:
                    got, want = (
                        math.sqrt(float((x[i] - x[j]).square().sum()) + SQUARED_FLOOR) for x in (predicted, true)
                    )
                    errors.append(abs(got - want))
    assert float(near_distance_loss(layers, targets)) == pytest.approx(sum(errors) / len(errors), rel=1e-6)


def test_sees_neither_motions_nor_what_is_far_along_the_sequence():
    targets = random_truth(40).targets()
    true, n = targets.backbone.translation, 20
    moved = random_rigid((), torch.Generator().manual_seed(3)).apply(true)
    assert float(near_distance_loss([moved], targets)) == pytest.approx(0, abs=1e-6)
    bent = torch.cat((true[:n], moved[n:]))
    nobody = torch.ones(40)
    nobody[n - NEAR_RESIDUES : n + NEAR_RESIDUES] = 0  # those with the hinge between them
    assert float(near_distance_loss([bent], targets)) > 0.02
    assert float(near_distance_loss([bent], replace(targets, backbone_mask=nobody))) == pytest.approx(0, abs=1e-6)


def test_a_strand_drawn_together_is_pulled_out():
    targets = random_truth(30).targets()
    scale = torch.tensor(0.9, dtype=torch.float64, requires_grad=True)
    loss = near_distance_loss([scale * targets.backbone.translation], targets)
    (slope,) = torch.autograd.grad(loss, scale)
    assert loss > 0.3 and slope < 0


def test_one_residue_has_no_neighbours():
    targets = random_truth(1).targets()
    assert float(near_distance_loss([targets.backbone.translation + 1], targets)) == 0
