from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.geometry.rotation import quaternion_to_rotation
from alphafold_lite.training.targets import BACKBONE_ATOMS, make_targets
from tests.support.loss_examples import random_truth, stacked
from tests.support.reference import REFERENCE


def _tensors(container):
    for f in fields(container):
        value = getattr(container, f.name)
        yield from [(f.name, value)] if isinstance(value, Tensor) else _tensors(value)


@pytest.fixture(scope="module")
def recorded():
    with np.load(REFERENCE / "losses/losses_inputs.npz", allow_pickle=False) as archive:
        return {
            name.removeprefix("batch/"): torch.as_tensor(archive[name])
            for name in archive.files
            if name.startswith("batch/")
        }


@pytest.fixture(scope="module")
def of_recorded(recorded):
    names = ("aatype", "residue_index", "all_atom_positions", "all_atom_mask", "seq_mask", "resolution")
    aatype, index, *reals = (recorded[name] for name in names)
    return make_targets(aatype.long(), index.long(), *(values.double() for values in reals))


def test_reference_atoms_and_masks(recorded, of_recorded):
    pairs = {
        "atom14_gt_positions": of_recorded.atom14_positions,
        "atom14_gt_exists": of_recorded.atom14_mask,
        "atom14_alt_gt_positions": of_recorded.atom14_positions_alternative,
        "atom14_alt_gt_exists": of_recorded.atom14_mask_alternative,
        "atom14_atom_is_ambiguous": of_recorded.atom14_is_ambiguous,
        "atom37_atom_exists": of_recorded.resolved_mask,
        "backbone_affine_mask": of_recorded.backbone_mask,
        "rigidgroups_gt_exists": of_recorded.groups.exists,
        "rigidgroups_group_exists": of_recorded.groups.group_exists,
        "rigidgroups_group_is_ambiguous": of_recorded.groups.is_ambiguous,
        "chi_mask": of_recorded.torsions_mask[:, 3:],
        "pseudo_beta_mask": of_recorded.pseudo_beta_mask,
    }
    for name, value in pairs.items():
        np.testing.assert_array_equal(value.float(), recorded[name], err_msg=name)
    known = recorded["pseudo_beta_mask"] > 0
    np.testing.assert_array_equal(of_recorded.pseudo_beta.float()[known], recorded["pseudo_beta"][known])


def test_reference_frames_and_torsions(recorded, of_recorded):
    for frames, name in (
        (of_recorded.groups.frames, "rigidgroups_gt_frames"),
        (of_recorded.groups.alternative, "rigidgroups_alt_gt_frames"),
    ):
        got = torch.cat((frames.rotation.flatten(-2), frames.translation), dim=-1)
        known = of_recorded.groups.exists > 0
        np.testing.assert_allclose(got[known], recorded[name][known], atol=5e-6)
    known = of_recorded.backbone_mask > 0
    affine = recorded["backbone_affine_tensor"].double()[known]
    np.testing.assert_allclose(of_recorded.backbone.rotation[known], quaternion_to_rotation(affine[:, :4]), atol=1e-6)
    np.testing.assert_allclose(of_recorded.backbone.translation[known], affine[:, 4:], atol=1e-6)
    known = of_recorded.torsions_mask > 0
    for got, name in (
        (of_recorded.torsions, "torsion_angles_sin_cos"),
        (of_recorded.torsions_alternative, "alt_torsion_angles_sin_cos"),
    ):
        np.testing.assert_allclose(got[known], recorded[name][known], atol=1e-6)


def test_torsions_do_not_span_breaks(recorded, of_recorded):
    linked = np.diff(recorded["residue_index"], prepend=-9) == 1
    want = recorded["torsion_angles_mask"].numpy().copy()
    assert (want[~linked, :2].sum(0) > 0).all()  # the reference does not look for breaks
    want[:, :2] *= linked[:, None]
    np.testing.assert_array_equal(of_recorded.torsions_mask, want)


def test_ideal_residues_give_back_their_frames_and_angles():
    truth = random_truth(30, seed=4)
    targets = truth.targets()
    torch.testing.assert_close(targets.backbone.translation, truth.frames.translation)
    torch.testing.assert_close(targets.backbone.rotation, truth.frames.rotation, atol=2e-3, rtol=0)
    chi = targets.torsions_mask[:, 3:] > 0
    assert chi.sum() > 30
    error = (targets.torsions[:, 3:] - truth.angles[:, 3:]).norm(dim=-1)[chi]
    assert error.max() < 0.05  # planes of the literature's atoms are a degree or two off


def test_masked_atoms_may_be_anything():
    truth = random_truth(8, missing=0.4)
    filled = torch.where(truth.atom37_mask[..., None] > 0, truth.atom37, torch.nan)
    got = replace(truth, atom37=filled).targets()
    for (name, value), (_, want) in zip(_tensors(got), _tensors(truth.targets()), strict=True):
        assert torch.isfinite(value).all(), name
        assert torch.equal(value, want), name


def test_padding_is_masked_everywhere():
    truth = random_truth(9)
    padded = replace(truth, seq_mask=(torch.arange(9) < 6).double())
    targets = padded.targets()
    for name, value in _tensors(targets):
        if name.endswith("mask") or name in ("exists", "atom14_mask_alternative"):
            assert (value[6:] == 0).all() and value[:6].sum() > 0, name


def test_only_a_backbone_leaves_side_chains_unknown():
    truth = random_truth(10, seed=3)
    backbone = torch.zeros(37, dtype=torch.float64)
    backbone[list(BACKBONE_ATOMS)] = 1
    targets = replace(truth, atom37_mask=truth.atom37_mask * backbone).targets()
    assert targets.torsions_mask[:, 3:].sum() == 0 and targets.torsions_mask[:, 2].sum() == 10
    assert targets.groups.exists[:, 4:].sum() == 0
    assert targets.atom14_mask[:, 5:].sum() == 0
    assert torch.equal(targets.resolved_mask, truth.atom37_mask * backbone)
    assert torch.equal(truth.targets().resolved_mask, truth.atom37_mask)

    without_oxygen = backbone.clone()
    without_oxygen[rc.atom_order["O"]] = 0
    targets = replace(truth, atom37_mask=truth.atom37_mask * without_oxygen).targets()
    assert targets.resolved_mask[:, rc.atom_order["O"]].sum() == 0
    assert targets.torsions_mask[:, 2:].sum() == 0


def test_an_unresolved_side_chain_atom_is_known_to_be_unresolved():
    truth = random_truth(10, missing=0.5)
    targets = truth.targets()
    assert (targets.resolved_mask - targets.atom37_mask).sum() > 5


def test_leading_dimensions():
    examples = [random_truth(7, seed=0, missing=0.2), random_truth(7, seed=1)]
    together = stacked(examples).targets()
    for one, got in enumerate(examples):
        for (name, want), (_, value) in zip(_tensors(got.targets()), _tensors(together), strict=True):
            torch.testing.assert_close(value[one], want, msg=name)


def test_map_reaches_every_tensor():
    doubled = random_truth(5).targets().map(lambda t: t[None])
    assert all(value.shape[0] == 1 for _, value in _tensors(doubled))
