import torch

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.geometry import torsions
from alphafold_lite.geometry.atoms import atom14_to_atom37
from alphafold_lite.geometry.frames import atom37_to_frames
from tests.alphafold_lite.geometry.test_torsions import random_chain
from tests.support.random_inputs import random_rigid


def test_frames_that_built_the_atoms_are_found_again():
    generator = torch.Generator().manual_seed(3)
    aatype = torch.arange(20)
    backbone = random_rigid((20,), generator)
    raw = torch.randn(20, 7, 2, generator=generator, dtype=torch.float64)
    placed = torsions.torsions_to_frames(backbone, raw / raw.norm(dim=-1, keepdim=True), aatype)
    atom14 = torsions.frames_to_atom14(placed, aatype)
    atom37 = atom14_to_atom37(atom14, aatype, torch.ones(20, dtype=torch.float64))
    mask = torch.as_tensor(rc.restype_atom37_mask[:20], dtype=torch.float64)
    found = atom37_to_frames(aatype, atom37, mask)
    there = found.exists.bool()
    assert int(there.sum()) == 40 + int(rc.chi_angles_mask[:20].sum())
    # literature positions are rounded to 0.001 Å
    assert torch.allclose(found.frames.rotation[there], placed.rotation[there], atol=5e-3)
    assert torch.allclose(found.frames.translation[there], placed.translation[there], atol=5e-3)


def test_alternative_differs_only_at_symmetric_ends():
    _, aatype, atom37, mask = random_chain(torch.Generator().manual_seed(4))
    found = atom37_to_frames(aatype, atom37, mask)
    differs = (found.frames.rotation - found.alternative.rotation).abs().amax((-1, -2)) > 1e-6
    assert torch.equal(differs, found.is_ambiguous.bool())
    assert {rc.restypes[i] for i in differs.any(-1).nonzero()[:, 0]} == set("DEFY")


def test_missing_atoms_take_their_frames_with_them():
    _, aatype, atom37, mask = random_chain(torch.Generator().manual_seed(5))
    mask[:, rc.atom_order["N"]] = 0
    assert float(atom37_to_frames(aatype, atom37, mask).exists[:, 0].sum()) == 0
