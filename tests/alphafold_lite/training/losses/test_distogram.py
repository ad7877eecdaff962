import math
from dataclasses import replace

import pytest
import torch

from alphafold_lite.model.config import HeadsConfig
from alphafold_lite.training.losses.distogram import bin_edges, distogram_loss
from tests.support.loss_examples import random_truth

BINS = HeadsConfig().distogram


def _at(distances):
    """Targets whose CB stand on a line at these places."""
    targets = random_truth(len(distances)).targets()
    line = torch.zeros(len(distances), 3, dtype=torch.float64)
    line[:, 1] = torch.tensor(distances, dtype=torch.float64)
    return replace(targets, pseudo_beta=line)


def test_classes():
    targets = _at([0.0, 2.3, 2.33, 2.7, 30.0])
    wanted = [0, 0, 1, 2, 63]  # edges 2.3125, 2.62, ..., 21.6875
    logits = torch.full((5, 5, 64), -40.0, dtype=torch.float64)
    distances = (targets.pseudo_beta[:, None] - targets.pseudo_beta).norm(dim=-1)
    counted = (distances[..., None] > torch.linspace(2.3125, 21.6875, 63, dtype=torch.float64)).sum(-1)
    assert counted[0].tolist() == wanted
    logits.scatter_(-1, counted[..., None], 40.0)
    assert distogram_loss(logits, targets, BINS) < 1e-12


def test_uniform_logits_and_masks():
    targets = _at([0.0, 5.0, 9.0])
    assert float(distogram_loss(torch.zeros(3, 3, 64), targets, BINS)) == pytest.approx(math.log(64), rel=1e-6)
    masked = replace(targets, pseudo_beta_mask=torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64))
    logits = torch.randn(3, 3, 64, dtype=torch.float64)
    kept = [0, 2]
    alone = _at([0.0, 9.0])
    got, want = distogram_loss(logits, masked, BINS), distogram_loss(logits[kept][:, kept], alone, BINS)
    torch.testing.assert_close(got, want, rtol=1e-6, atol=0)  # the number of pairs has a 1e-6 added


def test_edges():
    edges = bin_edges(BINS, torch.zeros(1))
    assert len(edges) == 63 and float(edges[0]) == 2.3125 and float(edges[-1]) == 21.6875
