from dataclasses import replace

import pytest
import torch

from alphafold_lite.training.losses.config import ResolutionRange
from alphafold_lite.training.losses.resolved import resolved_loss
from tests.support.loss_examples import random_truth


def test_mean_over_atoms_of_the_residues():
    targets = random_truth(7, missing=0.4).targets()
    logits = torch.randn(7, 37, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    probability = logits.sigmoid()
    found = [
        -float((probability[i, a] if targets.atom37_mask[i, a] > 0 else 1 - probability[i, a]).log())
        for i in range(7)
        for a in range(37)
        if targets.resolved_mask[i, a] > 0
    ]
    got = resolved_loss(logits, targets, ResolutionRange())
    assert float(got) == pytest.approx(sum(found) / len(found), rel=1e-8)
    assert resolved_loss(logits, replace(targets, resolution=torch.tensor(0.0)), ResolutionRange()) == 0


def test_right_answers_cost_nothing_and_extreme_logits_stay_finite():
    targets = random_truth(7, missing=0.4).targets()
    certain = 1e4 * (2 * targets.atom37_mask - 1)
    assert resolved_loss(certain, targets, None) == 0
    assert torch.isfinite(resolved_loss(-certain, targets, None))
