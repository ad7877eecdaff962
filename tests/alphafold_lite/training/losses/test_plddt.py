import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from alphafold_lite.training.losses.config import ResolutionRange
from alphafold_lite.training.losses.plddt import CA_SLOT, lddt_ca, plddt_loss
from tests.support.loss_examples import random_truth
from tests.support.random_inputs import random_rigid


def _lddt_by_loops(predicted, truth, mask):
    scores = np.ones(len(mask))
    pairs = right = 0
    for i in range(len(mask)):
        found = []
        for j in range(len(mask)):
            true = float((truth[i] - truth[j]).norm())
            if i == j or not (mask[i] and mask[j]) or true >= 15:
                continue
            error = abs(true - float((predicted[i] - predicted[j]).norm()))
            found.append(sum(error < limit for limit in (0.5, 1, 2, 4)) / 4)
        pairs, right = pairs + len(found), right + sum(found)
        if found:
            scores[i] = np.mean(found)
    return scores, right / pairs


def _points(n=20, seed=0, noise=1.5):
    g = torch.Generator().manual_seed(seed)
    truth = 8 * torch.randn(n, 3, generator=g, dtype=torch.float64)
    mask = (torch.rand(n, generator=g, dtype=torch.float64) > 0.2).double()
    return truth + noise * torch.randn(n, 3, generator=g, dtype=torch.float64), truth, mask


def test_lddt_by_definition():
    predicted, truth, mask = _points()
    scores, whole = _lddt_by_loops(predicted, truth, mask)
    got = lddt_ca(predicted, truth, mask)
    np.testing.assert_allclose(got.per_residue[mask > 0], scores[mask > 0], atol=1e-9)
    assert float(got.whole) == pytest.approx(whole, abs=1e-9)
    assert 0.2 < whole < 0.9


def test_lddt_sees_neither_motions_nor_mirrors():
    predicted, truth, mask = _points()
    moved = random_rigid((), torch.Generator().manual_seed(1)).apply(predicted)
    for other in (moved, -predicted):
        torch.testing.assert_close(lddt_ca(other, truth, mask).per_residue, lddt_ca(predicted, truth, mask).per_residue)
    assert (lddt_ca(truth, truth, mask).per_residue == 1).all()


def test_a_residue_without_neighbours_is_right():
    truth = torch.tensor([[0.0, 0, 0], [40.0, 0, 0]])
    assert lddt_ca(torch.zeros(2, 3), truth, torch.ones(2)).per_residue.tolist() == [1.0, 1.0]


def test_classes_and_resolution():
    truth = random_truth(14)
    targets = truth.targets()
    predicted = targets.atom37_positions[:, CA_SLOT] + torch.randn(14, 3, dtype=torch.float64)
    predicted.requires_grad_()
    score = lddt_ca(predicted, targets.atom37_positions[:, CA_SLOT], targets.atom37_mask[:, CA_SLOT]).per_residue
    logits = torch.full((14, 50), -30.0, dtype=torch.float64)
    for row, value in enumerate(score.tolist()):
        logits[row, min(math.floor(value * 50), 49)] = 30.0
    allowed = ResolutionRange()
    loss = plddt_loss(logits.requires_grad_(), predicted, targets, allowed)
    assert loss < 1e-10 and loss.requires_grad
    loss.backward()
    assert predicted.grad is None

    logits = torch.zeros(14, 50, dtype=torch.float64)
    assert float(plddt_loss(logits, predicted, targets, allowed)) == pytest.approx(math.log(50), rel=1e-6)
    for resolution in (0.0, 4.0):
        outside = replace(targets, resolution=torch.tensor(resolution))
        assert plddt_loss(logits, predicted, outside, allowed) == 0
        assert plddt_loss(logits, predicted, outside, None) > 3


def test_a_perfect_prediction_is_in_the_last_class():
    targets = random_truth(6).targets()
    logits = torch.full((6, 50), -30.0, dtype=torch.float64)
    logits[:, 49] = 30
    assert plddt_loss(logits, targets.atom37_positions[:, CA_SLOT], targets, None) < 1e-10
