import torch

from alphafold_lite.geometry.rotation import quaternion_to_rotation, rotation_to_quaternion
from tests.support.random_inputs import random_rigid


def test_matrix_of_a_unit_quaternion_is_a_proper_rotation():
    rotation = random_rigid((50,), torch.Generator().manual_seed(0)).rotation
    identity = torch.eye(3, dtype=rotation.dtype).expand_as(rotation)
    assert torch.allclose(rotation @ rotation.mT, identity, atol=1e-12)
    assert torch.allclose(torch.linalg.det(rotation), torch.ones(50, dtype=rotation.dtype))


def test_quarter_turn_about_z_takes_x_to_y():
    half = 0.5**0.5
    rotation = quaternion_to_rotation(torch.tensor([half, 0.0, 0.0, half], dtype=torch.float64))
    x, y = torch.eye(3, dtype=torch.float64)[:2]
    assert torch.allclose(rotation @ x, y)


def test_round_trip_including_half_turns_about_each_axis():
    rotation = random_rigid((200,), torch.Generator().manual_seed(1)).rotation
    half_turns = torch.diag_embed(torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=torch.float64))
    rotation = torch.cat((rotation, half_turns, torch.eye(3, dtype=torch.float64)[None]))
    assert torch.allclose(quaternion_to_rotation(rotation_to_quaternion(rotation)), rotation, atol=1e-12)
