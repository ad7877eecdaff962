import pytest
import torch

from alphafold_lite.geometry.rigid import Rigid
from tests.support.random_inputs import random_rigid


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_compose_applies_the_right_one_first(generator):
    a, b = random_rigid((4,), generator), random_rigid((4,), generator)
    points = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    assert torch.allclose(a.compose(b).apply(points), a.apply(b.apply(points)))


def test_inverse_undoes(generator):
    a = random_rigid((2, 5), generator)
    points = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    assert torch.allclose(a.invert_apply(a.apply(points)), points)
    assert torch.allclose(a.inverse().apply(points), a.invert_apply(points))
    assert torch.allclose(a.compose(a.inverse()).rotation, Rigid.identity((2, 5), points).rotation, atol=1e-12)


def test_frame_from_three_points_sees_them_where_the_algorithm_says(generator):
    x1, x2, x3 = torch.randn(3, 20, 3, generator=generator, dtype=torch.float64)
    frame = Rigid.from_three_points(x1, x2, x3)
    n, ca, c = (frame.invert_apply(x) for x in (x1, x2, x3))
    assert torch.allclose(ca, torch.zeros_like(ca), atol=1e-12)
    assert torch.allclose(c[:, 1:], torch.zeros_like(c[:, 1:]), atol=1e-12) and bool((c[:, 0] > 0).all())
    assert torch.allclose(n[:, 2], torch.zeros_like(n[:, 2]), atol=1e-12) and bool((n[:, 1] > 0).all())


def test_frames_move_with_their_points(generator):
    points = torch.randn(3, 7, 3, generator=generator, dtype=torch.float64)
    motion = random_rigid((), generator)
    still, moved = Rigid.from_three_points(*points), Rigid.from_three_points(*motion.apply(points))
    expected = motion.compose(still)
    assert torch.allclose(moved.rotation, expected.rotation)
    assert torch.allclose(moved.translation, expected.translation)


def test_frame_of_coinciding_points_is_finite_with_finite_gradients():
    points = torch.zeros(3, 1, 3, requires_grad=True)
    frame = Rigid.from_three_points(*points)
    frame.rotation.sum().backward()
    assert bool(torch.isfinite(frame.rotation).all()) and bool(torch.isfinite(points.grad).all())


def test_unsqueeze_counts_batch_dimensions(generator):
    a = random_rigid((2, 5), generator)
    assert a.unsqueeze(-1).rotation.shape == (2, 5, 1, 3, 3)
    assert a.unsqueeze(0).translation.shape == (1, 2, 5, 3)
