import pytest
import torch

from alphafold_lite.geometry.superpose import superpose, superposed_rmsd


def _rotations(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(count, 3, 3, generator=generator, dtype=torch.float64))
    return q * torch.linalg.det(q)[:, None, None]


def _points(*shape, seed=1, dtype=torch.float64):
    return 10 * torch.randn(*shape, 3, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_recovers_known_motions_of_a_batch(dtype, tolerance):
    rotation, shift, moving = _rotations(6).reshape(2, 3, 3, 3), _points(2, 3, seed=2), _points(2, 3, 20)
    fixed = moving @ rotation.mT + shift[..., None, :]
    found = superpose(moving.to(dtype), fixed.to(dtype))
    assert found.rotation.dtype == dtype
    assert torch.allclose(found.rotation.double(), rotation, atol=tolerance)
    assert torch.allclose(found.translation.double(), shift, atol=100 * tolerance)
    assert torch.allclose(found.apply(moving.to(dtype)).double(), fixed, atol=100 * tolerance)


def test_points_without_weight_do_not_count():
    moving = _points(12)
    fixed = moving @ _rotations(1)[0].mT + 5
    fixed[3:5] += 40
    weights = torch.ones(12, dtype=torch.float64)
    weights[3:5] = 0
    assert superposed_rmsd(moving, fixed, weights) < 1e-10
    assert superposed_rmsd(moving, fixed) > 1


def test_whole_weights_are_repeated_points():
    moving, fixed = _points(5), _points(5, seed=3)
    weights = torch.tensor([1.0, 2, 3, 1, 2], dtype=torch.float64)
    repeats = weights.long()
    repeated = superposed_rmsd(moving.repeat_interleave(repeats, 0), fixed.repeat_interleave(repeats, 0))
    assert torch.allclose(superposed_rmsd(moving, fixed, weights), repeated, atol=1e-8)


def test_a_mirror_image_is_not_superposed():
    moving = _points(15)
    fixed = moving * torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    found = superpose(moving, fixed)
    assert torch.linalg.det(found.rotation) == pytest.approx(1)
    assert superposed_rmsd(moving, fixed) > 1


def test_no_small_motion_does_better():
    moving, fixed = _points(9), _points(9, seed=4)
    best = superposed_rmsd(moving, fixed)
    moved = superpose(moving, fixed).apply(moving)
    for axis in torch.eye(3, dtype=torch.float64):
        for angle in (-0.01, 0.01):
            cross = torch.linalg.cross(axis.expand(9, 3), moved - moved.mean(0))
            turned = moved + angle * cross
            assert (turned - fixed).square().sum(-1).mean().sqrt() > best - 1e-4
        assert (moved + 0.1 * axis - fixed).square().sum(-1).mean().sqrt() > best


@pytest.mark.parametrize("kind", ["one point", "line", "plane", "no weight"])
def test_undetermined_rotations_are_proper(kind):
    moving = _points(6)
    weights = None
    if kind == "one point":
        moving = moving[:1]
    elif kind == "line":
        moving = moving * torch.tensor([1.0, 0, 0], dtype=torch.float64)
    elif kind == "plane":
        moving = moving * torch.tensor([1.0, 1.0, 0], dtype=torch.float64)
    else:
        weights = torch.zeros(6, dtype=torch.float64)
    found = superpose(moving, moving @ _rotations(1)[0].mT, weights)
    assert torch.linalg.det(found.rotation) == pytest.approx(1)
    assert found.translation.isfinite().all()
    if weights is None:
        assert superposed_rmsd(moving, moving @ _rotations(1)[0].mT) < 1e-5


def test_half_precision_is_computed_in_float32():
    assert superpose(_points(5).bfloat16(), _points(5).bfloat16()).rotation.dtype == torch.float32
