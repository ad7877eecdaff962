"""Invariance and equivariance of the structure module's parts."""

import torch

from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.model.structure.backbone import update_frames
from alphafold_lite.model.structure.ipa import InvariantPointAttention
from alphafold_lite.model.structure.module import StructureModule
from tests.support.random_inputs import random_rigid, small_config


def inputs(n=7):
    g = torch.Generator().manual_seed(0)
    config = small_config()
    s = torch.randn(n, config.structure.channels, generator=g, dtype=torch.float64)
    z = torch.randn(n, n, config.pair_channels, generator=g, dtype=torch.float64)
    return config, s, z, random_rigid((n,), g), g


def randomised(module, seed=0):
    torch.manual_seed(seed)
    for p in module.parameters():
        torch.nn.init.normal_(p, std=0.3)
    return module.double().eval()


@torch.no_grad()
def test_point_attention_does_not_feel_a_global_motion_but_sees_geometry():
    config, s, z, frames, g = inputs()
    ipa = randomised(InvariantPointAttention(config.structure, config.pair_channels))
    mask = torch.ones(7, dtype=torch.float64)
    still = ipa(s, z, frames, mask)
    moved = ipa(s, z, random_rigid((), g).compose(frames), mask)
    assert torch.allclose(still, moved, atol=1e-9)
    stretched = ipa(s, z, frames.scaled(1.1), mask)
    assert not torch.allclose(still, stretched, atol=1e-3)


@torch.no_grad()
def test_point_attention_tells_a_mirror_image_apart():
    config, s, z, frames, _ = inputs()
    ipa = randomised(InvariantPointAttention(config.structure, config.pair_channels))
    mirror = torch.diag(torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64))
    mirrored = Rigid(rotation=mirror @ frames.rotation @ mirror, translation=frames.translation @ mirror)
    mask = torch.ones(7, dtype=torch.float64)
    assert not torch.allclose(ipa(s, z, frames, mask), ipa(s, z, mirrored, mask), atol=1e-3)


@torch.no_grad()
def test_masked_residues_do_not_reach_the_others():
    config, s, z, frames, _ = inputs()
    ipa = randomised(InvariantPointAttention(config.structure, config.pair_channels)).float()
    mask = torch.tensor([1.0, 1, 1, 1, 1, 0, 0])
    args = (s.float(), z.float(), frames.map(lambda t: t.float()))
    want = ipa(*args, mask)
    other = args[0].clone()
    other[5:] += 3
    assert torch.allclose(ipa(other, *args[1:], mask)[:5], want[:5], atol=1e-5)


def test_backbone_update_moves_in_the_local_frame():
    g = torch.Generator().manual_seed(1)
    frames, motion = random_rigid((5,), g), random_rigid((), g)
    update = torch.randn(5, 6, generator=g, dtype=torch.float64)
    a, b = motion.compose(update_frames(frames, update)), update_frames(motion.compose(frames), update)
    assert torch.allclose(a.rotation, b.rotation) and torch.allclose(a.translation, b.translation)
    still = update_frames(frames, torch.zeros(5, 6, dtype=torch.float64))
    assert torch.allclose(still.rotation, frames.rotation)


def test_layers_share_parameters_and_rotations_pass_no_gradient_between_them():
    config, _, z, _, g = inputs()
    module = randomised(StructureModule(config))
    s = torch.randn(7, config.single_channels, generator=g, dtype=torch.float64)
    structure = module(s, z, torch.arange(7), torch.ones(7, dtype=torch.float64))
    assert len(structure.frames) == config.structure.num_layers
    first = structure.frames[0].rotation
    gradient = torch.autograd.grad(structure.frames[-1].rotation[0, 0, 0], first, allow_unused=True)[0]
    assert gradient is None or float(gradient.abs().max()) == 0


@torch.no_grad()
def test_autocast_leaves_coordinates_in_float32():
    config, _, z, _, g = inputs()
    module = randomised(StructureModule(config)).float()
    s = torch.randn(7, config.single_channels, generator=g)
    plain = module(s, z.float(), torch.arange(7), torch.ones(7))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = module(s, z.float(), torch.arange(7), torch.ones(7))
    assert under.frames[-1].translation.dtype == torch.float32
    assert torch.equal(plain.sidechains[-1].atom14, under.sidechains[-1].atom14)
