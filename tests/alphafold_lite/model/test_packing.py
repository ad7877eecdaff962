"""The packer of side chains: what it may see, what it may change."""

from dataclasses import replace

import pytest
import torch

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.confidence import plddt
from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.alphafold import build
from alphafold_lite.model.config import ModelConfig, PackingConfig
from alphafold_lite.model.structure.packing import SidechainPacker
from alphafold_lite.model.structure.sidechains import Sidechains, build_sidechains
from tests.support.random_inputs import random_batch, random_model, random_rigid, small_config

N = 9


def packer(**changes: object) -> SidechainPacker:
    torch.manual_seed(0)
    config = replace(PackingConfig(channels=8, neighbours=4), **changes)  # pyright: ignore[reportArgumentType]
    return SidechainPacker(config).double().eval()


def chain(n: int = N) -> tuple[torch.Tensor, Sidechains]:
    """Residue types and random side chains on random frames some Å apart, all trans."""
    g = torch.Generator().manual_seed(1)
    aatype = torch.randint(0, 20, (n,), generator=g)
    raw = torch.randn(n, 7, 2, generator=g, dtype=torch.float64)
    return aatype, build_sidechains(raw, random_rigid((n,), g), aatype)


@torch.no_grad()
def test_it_does_not_feel_a_global_motion_but_tells_a_mirror_image_apart():
    aatype, sidechains = chain()
    net, backbone, mask = packer(), sidechains.atom14[:, :4], torch.ones(N, dtype=torch.float64)
    still = net(aatype, backbone, mask)
    moved = random_rigid((), torch.Generator().manual_seed(2)).apply(backbone)
    assert torch.allclose(net(aatype, moved, mask), still, atol=1e-6)
    mirrored = backbone * torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    assert not torch.allclose(net(aatype, mirrored, mask), still, atol=1e-3)


@torch.no_grad()
def test_residues_that_are_not_there_are_neighbours_of_none():
    aatype, sidechains = chain()
    net, backbone = packer(neighbours=N), sidechains.atom14[:, :4]
    mask = torch.tensor([1.0] * 6 + [0.0] * 3, dtype=torch.float64)
    want = net(aatype, backbone, mask)[:6]
    other, types = backbone.clone(), aatype.clone()
    other[6:] += 3
    types[6:] = 0
    assert torch.allclose(net(types, other, mask)[:6], want)
    assert torch.allclose(net(aatype[:6], backbone[:6], mask[:6]), want)


@torch.no_grad()
def test_only_near_residues_are_heard_of():
    aatype, sidechains = chain()
    net, mask = packer(num_layers=1, neighbours=3), torch.ones(N, dtype=torch.float64)
    line = torch.arange(N, dtype=torch.float64)[:, None] * torch.tensor([6.0, 0.0, 0.0], dtype=torch.float64)
    same = Rigid(rotation=torch.eye(3, dtype=torch.float64).expand(N, 3, 3), translation=line)
    backbone = build_sidechains(sidechains.angles, same, aatype).atom14[:, :4]
    types = aatype.clone()
    types[0] = (types[0] + 1) % 20
    change = (net(types, backbone, mask) - net(aatype, backbone, mask)).abs().amax((-1, -2))
    assert change[0] > 1e-4 and change[1] > 1e-4 and change[3:].max() == 0


@torch.no_grad()
def test_leading_dimensions_and_chains_shorter_than_the_neighbourhood():
    net, made = packer(neighbours=16), [chain(), chain(5)]
    (aatype, long), (_, short) = made
    mask = torch.ones(2, N, dtype=torch.float64)
    both = net(torch.stack((aatype, aatype.flip(0))), torch.stack((long.atom14, long.atom14 + 1))[..., :4, :], mask)
    assert torch.allclose(both[0], net(aatype, long.atom14[:, :4], mask[0]))
    assert net(made[1][0], short.atom14[:, :4], mask[0, :5]).shape == (5, 7, 2)


@torch.no_grad()
def test_packing_moves_side_chains_of_trusted_residues_and_nothing_else():
    aatype, sidechains = chain()
    net, mask = packer(least_plddt=70.0), torch.ones(N, dtype=torch.float64)
    confidence = torch.tensor([95.0, 70.0, 69.9] * 3, dtype=torch.float64)
    packed = net.pack(sidechains, aatype, mask, confidence)
    trusted = confidence >= 70
    assert torch.allclose(packed.angles[:, :3], sidechains.angles[:, :3])
    assert torch.allclose(packed.angles[~trusted], sidechains.angles[~trusted])
    assert (packed.angles[trusted, 3:] - sidechains.angles[trusted, 3:]).abs().amax((-1, -2)).min() > 1e-3
    backbone = [rc.atom_order[name] for name in ("N", "CA", "C", "CB", "O")]
    assert torch.allclose(packed.atom14[:, : len(backbone)], sidechains.atom14[:, : len(backbone)])
    assert torch.allclose(packed.atom14[~trusted], sidechains.atom14[~trusted])
    want = build_sidechains(net(aatype, sidechains.atom14[:, :4], mask), sidechains.frames.select(0), aatype)
    assert torch.allclose(packed.angles[trusted, 3:], want.angles[trusted, 3:])


@torch.no_grad()
def test_oxygens_lie_in_the_plane_of_their_peptide_bonds():
    """Across C from the next N, where that is bonded; where it is not, psi stays what it was."""
    aatype, loose = chain(3)
    frames = loose.frames.select(0)
    towards = torch.nn.functional.normalize(torch.tensor([0.3, -0.5, 0.8], dtype=torch.float64), dim=0)
    shift = torch.zeros(3, 3, dtype=torch.float64)
    shift[1] = loose.atom14[0, 2] + 1.33 * towards - loose.atom14[1, 0]  # N of the second to C of the first
    shift[2] = loose.atom14[1, 2] + shift[1] + 2.5 * towards - loose.atom14[2, 0]
    sidechains = build_sidechains(loose.angles, replace(frames, translation=frames.translation + shift), aatype)
    packed = packer().pack(sidechains, aatype, torch.ones(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    ca, c, o = packed.atom14[0, 1:4]
    axis = torch.nn.functional.normalize(c - ca, dim=0)
    across, there = (v - (v @ axis) * axis for v in (o - c, packed.atom14[1, 0] - c))
    assert torch.cosine_similarity(across, there, dim=0) < -0.9999
    assert not torch.allclose(packed.angles[0], sidechains.angles[0], atol=1e-2)
    assert torch.allclose(packed.angles[1:], sidechains.angles[1:])
    assert torch.allclose(packed.angles[:, 3:], sidechains.angles[:, 3:])
    masked = packer().pack(
        sidechains, aatype, torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    )
    assert torch.allclose(masked.angles, sidechains.angles)


@torch.no_grad()
def test_unknown_residues_are_not_there():
    """They have no atoms: all lie at the origin."""
    aatype, sidechains = chain()
    aatype[4] = rc.unk_restype_index
    one, confidence = torch.ones(N, dtype=torch.float64), torch.full((N,), 90.0, dtype=torch.float64)
    built = build_sidechains(sidechains.angles, sidechains.frames.select(0), aatype)
    assert (built.atom14[4] == 0).all()
    net = packer(neighbours=N)
    packed = net.pack(built, aatype, one, confidence)
    without = net.pack(built, aatype, one * (aatype < rc.unk_restype_index), confidence)
    known = torch.arange(N) != 4
    assert packed.atom14.isfinite().all()
    assert torch.equal(packed.atom14[known], without.atom14[known])


@torch.no_grad()
def test_a_network_packs_in_evaluation_only_and_its_backbone_and_confidence_stay():
    config = replace(small_config(), packing=PackingConfig(channels=8, neighbours=4, least_plddt=0.0))
    assert ModelConfig.from_json_dict(config.to_json_dict()) == config
    assert build(config, reference()).packer is not None and build(small_config(), reference()).packer is None
    model, batch = random_model(small_config(), reference()), random_batch(n=N)
    model.packer = packer(least_plddt=0.0)
    packed = model(batch)
    model.training = True  # of the whole alone, so that nothing is dropped out
    bare = model(batch)
    assert torch.equal(packed.atom14_positions, packed.structure.sidechains[-1].atom14 * batch.seq_mask[:, None, None])
    torch.testing.assert_close(packed.atom37_positions[:, :4], bare.atom37_positions[:, :4])  # N, CA, C, CB
    assert not torch.allclose(packed.atom14_positions, bare.atom14_positions, atol=1e-2)
    assert torch.equal(plddt(packed.logits.plddt), plddt(bare.logits.plddt))
    model.training, model.packer = False, None
    torch.testing.assert_close(model(batch).atom14_positions, bare.atom14_positions)


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_only_training_adds_noise(noise):
    aatype, sidechains = chain()
    net, mask = packer(noise=noise, dropout=0.0), torch.ones(N, dtype=torch.float64)
    backbone = sidechains.atom14[:, :4]
    with torch.no_grad():
        assert torch.equal(net(aatype, backbone, mask), net(aatype, backbone, mask))
        changed = (net.train()(aatype, backbone, mask) - net.eval()(aatype, backbone, mask)).abs().max()
    assert (changed > 1e-3) == (noise > 0)
