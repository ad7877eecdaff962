import math

import pytest
import torch

from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.training.losses.config import FapeConfig
from alphafold_lite.training.losses.fape import (
    FAPE_EPSILON,
    Placed,
    aligned_distances,
    average_error,
    backbone_fape,
    sidechain_fape,
)
from alphafold_lite.training.losses.renaming import rename_ambiguous
from tests.support.loss_examples import predict, random_leaves, random_truth, stacked
from tests.support.random_inputs import random_rigid

ONE, ZERO = torch.tensor(1.0, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64)
FLOOR = math.sqrt(FAPE_EPSILON) / FapeConfig().length_scale  # the loss where there is no error


def _by_loops(frames, points, true_frames, true_points, frames_mask, points_mask, clamp, scale):
    total, pairs = 0.0, 0
    for f in range(len(frames_mask)):
        for p in range(len(points_mask)):
            if frames_mask[f] == 0 or points_mask[p] == 0:
                continue
            seen = frames.rotation[f].T @ (points[p] - frames.translation[f])
            true = true_frames.rotation[f].T @ (true_points[p] - true_frames.translation[f])
            total += min(math.sqrt(float((seen - true).square().sum()) + 1e-4), clamp)
            pairs += 1
    return total / scale / (pairs + 1e-4)


def _both(truth, prediction, clamped=ONE):
    targets = truth.targets()
    backbone = backbone_fape(prediction.structure.frames, targets, clamped, FapeConfig())
    renamed = rename_ambiguous(prediction.atom14_positions, targets)
    return backbone, sidechain_fape(prediction.structure.sidechains[-1], targets, renamed, FapeConfig())


@pytest.mark.parametrize("clamp", [4.0, math.inf])
def test_definition(clamp):
    g = torch.Generator().manual_seed(0)
    frames, true_frames = random_rigid((5,), g), random_rigid((5,), g)
    points, true_points = torch.randn(2, 7, 3, generator=g, dtype=torch.float64)
    frames_mask, points_mask = (torch.rand(n, generator=g, dtype=torch.float64).round() for n in (5, 7))
    distances = aligned_distances(Placed(frames=frames, points=points), Placed(frames=true_frames, points=true_points))
    got = average_error(distances.clamp(max=clamp), frames_mask, points_mask, 3.0)
    want = _by_loops(frames, points, true_frames, true_points, frames_mask, points_mask, clamp, 3.0)
    assert float(got) == pytest.approx(want, rel=1e-12)


def test_backbone_and_side_chains_are_the_definition():
    truth = random_truth(11, missing=0.3)
    prediction, targets = predict(truth, random_leaves(truth, noise=4.0)), truth.targets()
    config = FapeConfig(clamp=6.0, length_scale=8.0)
    layers = backbone_fape(prediction.structure.frames, targets, ONE, config)
    assert layers.shape == (3,)
    for got, frames in zip(layers, prediction.structure.frames, strict=True):
        mask = targets.backbone_mask
        want = _by_loops(
            frames, frames.translation, targets.backbone, targets.backbone.translation, mask, mask, 6.0, 8.0
        )
        assert float(got) == pytest.approx(want, rel=1e-12)

    renamed = rename_ambiguous(prediction.atom14_positions, targets)
    last = prediction.structure.sidechains[-1]

    def flat(frames):
        return Rigid(rotation=frames.rotation.flatten(0, 1), translation=frames.translation.flatten(0, 1))

    want = _by_loops(
        flat(last.frames), last.atom14.flatten(0, 1), flat(renamed.groups), renamed.atom14_positions.flatten(0, 1),
        targets.groups.exists.flatten(), renamed.atom14_mask.flatten(), 6.0, 8.0,
    )  # fmt: skip
    assert float(sidechain_fape(last, targets, renamed, config)) == pytest.approx(want, rel=1e-12)


def test_unclamped_and_mixed():
    truth = random_truth()
    prediction = predict(truth, random_leaves(truth, noise=8.0))
    clamped, unclamped, mixed = (_both(truth, prediction, share)[0] for share in (ONE, ZERO, 0.9 * ONE))
    assert (unclamped > 1.05 * clamped).all()
    torch.testing.assert_close(mixed, 0.9 * clamped + 0.1 * unclamped)


def test_clamping_stops_the_gradient_and_no_clamping_does_not():
    truth = random_truth()
    targets = truth.targets()
    for share, moves in ((ONE, False), (ZERO, True)):
        far = truth.frames.translation.clone()
        far[0] += 1e3
        far.requires_grad_()
        layer = Rigid(rotation=truth.frames.rotation, translation=far)
        backbone_fape([layer], targets, share, FapeConfig()).sum().backward()
        assert bool(far.grad[0].norm() > 1e-6) is moves


def test_floor_at_the_truth():
    truth = random_truth(dtype=torch.float64)
    targets = truth.targets()
    backbone = backbone_fape([targets.backbone], targets, ONE, FapeConfig())
    assert float(backbone) == pytest.approx(FLOOR, rel=1e-5)
    prediction = predict(truth, random_leaves(truth, noise=0.0))
    assert (
        FLOOR <= float(_both(truth, prediction)[1]) < 5 * FLOOR
    )  # ideal groups differ a little from frames of their atoms


@pytest.mark.parametrize("seed", [0, 1])
def test_moving_either_structure_changes_nothing(seed):
    truth = random_truth(seed=seed)
    prediction = predict(truth, random_leaves(truth))
    motion = random_rigid((), torch.Generator().manual_seed(seed + 7))
    for got, want in zip(_both(truth.moved(motion), prediction), _both(truth, prediction), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=0)


def test_mirror_image_raises_both():
    truth = random_truth(16)
    prediction = predict(truth, random_leaves(truth, noise=0.02))
    backbone, sidechain = _both(truth, prediction)
    mirrored_backbone, mirrored_sidechain = _both(truth.mirrored(), prediction)
    assert (mirrored_backbone > 5 * backbone).all() and mirrored_sidechain > 5 * sidechain


def test_examples_with_different_numbers_of_atoms():
    truths = [random_truth(9, missing=0.6), random_truth(9, seed=1)]
    predictions = [predict(truth, random_leaves(truth)) for truth in truths]
    together = _both(stacked(truths), stacked(predictions), torch.ones(2, dtype=torch.float64))
    for got, *want in zip(together, *(_both(*pair) for pair in zip(truths, predictions, strict=True)), strict=True):
        torch.testing.assert_close(got, torch.stack(want))


def test_nothing_known_is_zero_with_zero_gradient():
    truth = random_truth(6)
    leaves = random_leaves(truth).map(lambda t: t.requires_grad_())
    unknown = stacked([truth.targets()]).map(lambda t: torch.zeros_like(t) if t.is_floating_point() else t)
    unknown = unknown.map(lambda t: t[0])
    prediction = predict(truth, leaves)
    renamed = rename_ambiguous(prediction.atom14_positions, unknown)
    last = prediction.structure.sidechains[-1]
    backbone = backbone_fape(prediction.structure.frames, unknown, ONE, FapeConfig()).sum()
    loss = backbone + sidechain_fape(last, unknown, renamed, FapeConfig())
    assert loss == 0
    loss.backward()
    assert (leaves.translations.grad == 0).all() and (leaves.angles.grad == 0).all()


def test_float32_where_coordinates_are_bfloat16():
    g = torch.Generator().manual_seed(0)
    placed = Placed(frames=random_rigid((4,), g).map(lambda t: t.bfloat16()), points=torch.randn(5, 3).bfloat16())
    assert all(coordinate.dtype == torch.float32 for coordinate in placed.local())
