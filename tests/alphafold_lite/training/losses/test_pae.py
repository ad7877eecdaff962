import math
from dataclasses import replace

import pytest
import torch

from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.training.losses.config import ResolutionRange
from alphafold_lite.training.losses.pae import aligned_error_bins, pae_loss
from tests.support.loss_examples import predict, random_leaves, random_truth
from tests.support.random_inputs import random_rigid


def test_bins_by_definition():
    g = torch.Generator().manual_seed(0)
    predicted, truth = random_rigid((9,), g), random_rigid((9,), g)
    bins = aligned_error_bins(predicted, truth, num_bins=64, max_bin=31.0)
    edges = [0.5 * k for k in range(63)]
    for i in range(9):
        for j in range(9):
            seen = predicted.rotation[i].T @ (predicted.translation[j] - predicted.translation[i])
            true = truth.rotation[i].T @ (truth.translation[j] - truth.translation[i])
            error = float((seen - true).norm())
            assert int(bins[i, j]) == (0 if i == j else sum(error > edge for edge in edges))
    assert bins.max() > 30


def test_the_diagonal_is_in_bin_0_in_float32_too():
    g = torch.Generator().manual_seed(0)
    frames = [random_rigid((50,), g, torch.float32) for _ in range(2)]
    far = [Rigid(rotation=f.rotation, translation=f.translation + 137.77) for f in frames]
    assert (aligned_error_bins(*far, num_bins=64, max_bin=31.0).diagonal() == 0).all()


def test_loss_masks_resolution_and_gradient():
    truth = random_truth(8)
    leaves = random_leaves(truth).map(lambda t: t.requires_grad_())
    frames, targets = predict(truth, leaves).structure.frames[-1], truth.targets()
    labels = aligned_error_bins(frames, targets.backbone, num_bins=64, max_bin=31.0)
    errors = -leaves.pae.log_softmax(-1).gather(-1, labels[..., None])[..., 0]
    mask = torch.tensor([1.0, 1, 0, 1, 1, 1, 0, 1], dtype=torch.float64)
    kept = mask.nonzero()[:, 0]
    masked = replace(targets, backbone_mask=mask)
    got = pae_loss(leaves.pae, frames, masked, max_bin=31.0, allowed=ResolutionRange())
    torch.testing.assert_close(got, errors[kept][:, kept].mean(), rtol=1e-8, atol=0)
    got.backward()
    assert leaves.translations.grad is None and leaves.pae.grad.norm() > 0
    outside = replace(targets, resolution=torch.tensor(0.0))
    assert pae_loss(leaves.pae, frames, outside, max_bin=31.0, allowed=ResolutionRange()) == 0
    flat = pae_loss(torch.zeros(8, 8, 64), frames, outside, max_bin=31.0, allowed=None)
    assert float(flat) == pytest.approx(math.log(64), rel=1e-6)
