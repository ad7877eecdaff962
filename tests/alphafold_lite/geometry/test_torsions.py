import math

import torch

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.geometry import atoms, torsions
from tests.support.random_inputs import random_rigid


def random_chain(generator):
    """All 20 residue types with random frames and torsions: angles, aatype, atom37, mask."""
    aatype = torch.arange(20)
    raw = torch.randn(20, 7, 2, generator=generator, dtype=torch.float64)
    angles = raw / raw.norm(dim=-1, keepdim=True)
    frames = torsions.torsions_to_frames(random_rigid((20,), generator), angles, aatype)
    atom14 = torsions.frames_to_atom14(frames, aatype)
    mask = torch.ones(20, dtype=torch.float64)
    atom37 = atoms.atom14_to_atom37(atom14, aatype, mask)
    return angles, aatype, atom37, torch.as_tensor(rc.restype_atom37_mask[:20], dtype=torch.float64)


def test_angles_that_built_the_atoms_are_measured_again():
    angles, aatype, atom37, mask = random_chain(torch.Generator().manual_seed(0))
    measured, alternative, there = torsions.torsion_angles(aatype, atom37, mask)
    chi = there[:, 3:].bool()
    assert int(chi.sum()) == int(rc.chi_angles_mask[:20].sum())
    # idealised side chains keep their torsion to a few thousandths of a radian (planar groups in the literature positions)
    error = torch.acos((measured * angles).sum(-1).clamp(-1, 1))[:, 3:][chi]
    assert float(error.max()) < math.radians(1.0)
    assert torch.allclose((measured * angles).sum(-1)[:, torsions.PSI], torch.ones(20, dtype=torch.float64), atol=2e-3)
    aspartate = rc.restype_order["D"]
    assert torch.allclose(alternative[aspartate, 4], -measured[aspartate, 4])


def test_rigid_motion_changes_no_angle_and_a_mirror_image_turns_the_sign_of_the_sine():
    generator = torch.Generator().manual_seed(1)
    _, aatype, atom37, mask = random_chain(generator)
    before, _, there = torsions.torsion_angles(aatype, atom37, mask)
    after, _, _ = torsions.torsion_angles(aatype, random_rigid((), generator).apply(atom37), mask)
    mirrored, _, _ = torsions.torsion_angles(aatype, atom37 * torch.tensor([1.0, 1.0, -1.0]), mask)
    assert torch.allclose(before, after)
    known = there.bool()
    assert torch.allclose(mirrored[known] * torch.tensor([-1.0, 1.0]), before[known])


def test_absent_angles_are_zero_or_the_placeholder():
    aatype, atom37 = torch.tensor([0, 21]), torch.zeros(2, 37, 3)
    for placeholder, expected in ((False, (0.0, 0.0)), (True, (1.0, 0.0))):
        angles, alternative, mask = torsions.torsion_angles(aatype, atom37, torch.zeros(2, 37), placeholder=placeholder)
        assert float(mask.sum()) == 0
        assert torch.equal(angles, torch.tensor(expected).expand(2, 7, 2))
        assert torch.equal(alternative, angles)


def test_batch_dimensions_change_nothing():
    _, aatype, atom37, mask = random_chain(torch.Generator().manual_seed(2))
    single = torsions.torsion_angles(aatype, atom37, mask)
    double = torsions.torsion_angles(*(torch.stack((x, x.flip(0))) for x in (aatype, atom37, mask)))
    assert all(torch.equal(d[0], s) for s, d in zip(single, double, strict=True))
