import torch

from alphafold_lite.training.losses.selection import pick_frames, pick_points, present
from tests.support.random_inputs import random_rigid


def test_present_columns_come_in_order_and_lists_are_filled_up():
    mask = torch.tensor([[0.0, 1, 0, 1, 1], [0, 0, 0, 0, 1]])
    index = present(mask)
    assert index[0].tolist() == [1, 3, 4]
    assert index[1, 0] == 4 and (mask[1].gather(-1, index[1])[1:] == 0).all()
    assert present(torch.zeros(2, 5)).shape == (2, 0)


def test_points_and_frames_by_number():
    g = torch.Generator().manual_seed(0)
    frames, index = random_rigid((2, 5), g), torch.tensor([[4, 0], [2, 2]])
    picked = pick_frames(frames, index)
    for example in range(2):
        assert torch.equal(picked.rotation[example], frames.rotation[example, index[example]])
        assert torch.equal(picked.translation[example], frames.translation[example, index[example]])
    assert torch.equal(pick_points(frames.translation, index), picked.translation)
