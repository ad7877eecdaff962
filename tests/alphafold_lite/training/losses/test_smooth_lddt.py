import math

import pytest
import torch

from alphafold_lite.training.losses.plddt import CA_SLOT, lddt_ca
from alphafold_lite.training.losses.smooth_lddt import smooth_lddt_loss
from alphafold_lite.training.targets import WeightedTargets
from tests.support.loss_examples import noisy, random_truth
from tests.support.random_inputs import random_rigid


def _targets(n=16, missing=()):
    targets = random_truth(n).targets()
    for number in missing:
        targets.atom37_mask[number, CA_SLOT] = 0
    return targets, targets.atom37_positions[:, CA_SLOT], targets.atom37_mask[:, CA_SLOT]


def _by_loops(predicted, truth, weights):
    right = pairs = 0.0
    for i in range(len(truth)):
        for j in range(len(truth)):
            true = float((truth[i] - truth[j]).norm())
            if i == j or true >= 15:
                continue
            error = abs(true - float((predicted[i] - predicted[j]).norm()))
            weight = float(weights[i] * weights[j])
            right += weight * sum(1 / (1 + math.exp(error - limit)) for limit in (0.5, 1, 2, 4)) / 4
            pairs += weight
    return 1 - right / pairs


def test_by_definition():
    targets, truth, mask = _targets(missing=(2, 7))
    predicted = noisy(truth, 1.5)
    assert float(smooth_lddt_loss(predicted, targets)) == pytest.approx(_by_loops(predicted, truth, mask), abs=1e-9)


def test_weights_count_by_the_product_of_two_residues():
    targets, truth, mask = _targets()
    weights = torch.linspace(0, 1, 16, dtype=torch.float64)
    weighted = WeightedTargets.of(targets, weights=weights, is_experimental=torch.tensor(0.0))
    predicted = noisy(truth, 1.5)
    want = _by_loops(predicted, truth, mask * weights)
    assert float(smooth_lddt_loss(predicted, weighted)) == pytest.approx(want, abs=1e-9)
    assert want != pytest.approx(_by_loops(predicted, truth, mask), abs=1e-4)


def test_sees_neither_motions_nor_mirrors_nor_what_is_missing():
    targets, truth, _ = _targets(missing=(3,))
    predicted = noisy(truth, 1.0)
    loss = smooth_lddt_loss(predicted, targets)
    moved = random_rigid((), torch.Generator().manual_seed(1)).apply(predicted)
    elsewhere = predicted.clone()
    elsewhere[3] += 5
    for other in (moved, -predicted, elsewhere):
        torch.testing.assert_close(smooth_lddt_loss(other, targets), loss)


def test_follows_the_lddt_and_has_a_gradient_where_that_has_none():
    targets, truth, mask = _targets()
    scales = (0.0, 0.3, 1.0, 3.0, 10.0)
    losses = [float(smooth_lddt_loss(noisy(truth, scale), targets)) for scale in scales]
    scores = [float(lddt_ca(noisy(truth, scale), truth, mask).whole) for scale in scales]
    assert losses == sorted(losses) and scores == sorted(scores, reverse=True)
    predicted = noisy(truth, 1.0).requires_grad_()
    for _ in range(200):
        (gradient,) = torch.autograd.grad(smooth_lddt_loss(predicted, targets), predicted)
        predicted = (predicted - 20 * gradient).detach().requires_grad_()
    assert float(lddt_ca(predicted.detach(), truth, mask).whole) > scores[2] + 0.2


def test_atoms_in_one_place_and_a_residue_alone_are_finite():
    targets, truth, _ = _targets(n=4)
    together = torch.zeros_like(truth).requires_grad_()
    smooth_lddt_loss(together, targets).backward()
    assert torch.isfinite(together.grad).all()
    alone = random_truth(1).targets()
    assert float(smooth_lddt_loss(torch.zeros(1, 3), alone)) == 0
