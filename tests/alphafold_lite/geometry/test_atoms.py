import torch

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.geometry import atoms, tables


def test_layouts_convert_back_and_forth():
    aatype, mask = torch.arange(21), torch.ones(21)
    exists = tables.atom14_exists(aatype, mask)
    atom14 = torch.randn(21, 14, 3, generator=torch.Generator().manual_seed(0)) * exists[..., None]
    atom37 = atoms.atom14_to_atom37(atom14, aatype, mask)
    assert torch.equal(atoms.atom37_to_atom14(atom37, aatype, mask), atom14)
    assert float(exists.sum()) == float(tables.atom37_exists(aatype, mask).sum())


def test_padding_has_no_atoms():
    aatype, mask = torch.tensor([0, 0]), torch.tensor([1.0, 0.0])
    assert float(tables.atom37_exists(aatype, mask)[1].sum()) == 0
    assert float(atoms.atom14_to_atom37(torch.ones(2, 14, 3), aatype, mask)[1].abs().sum()) == 0


def test_pseudo_beta_is_ca_for_glycine_and_cb_otherwise():
    atom37 = torch.arange(37.0)[:, None].expand(37, 3).expand(2, 37, 3)
    aatype = torch.tensor([rc.restype_order["G"], rc.restype_order["A"]])
    assert torch.equal(atoms.pseudo_beta(aatype, atom37)[:, 0], torch.tensor([1.0, 3.0]))
    present = torch.zeros(2, 37)
    present[:, 3] = 1
    assert torch.equal(atoms.pseudo_beta_mask(aatype, present), torch.tensor([0.0, 1.0]))


def test_distance_bins_know_their_edges():
    line = torch.zeros(4, 3)
    line[:, 0] = torch.tensor([0.0, 3.3, 21.0, 500.0])
    bins = atoms.distance_bins(line, min_bin=3.25, max_bin=20.75, num_bins=15)
    assert bins.shape == (4, 4, 15)
    assert float(bins[0, 0].sum()) == 0  # below the first edge
    assert int(bins[0, 1].argmax()) == 0 and int(bins[0, 2].argmax()) == 14 and int(bins[0, 3].argmax()) == 14
    assert torch.equal(bins, bins.transpose(0, 1))
