"""Predicted structures as targets: residues count by their weights, and heads of confidence learn nothing from them."""

from dataclasses import replace

import pytest
import torch

from alphafold_lite.training.losses import LossConfig, compute_losses
from alphafold_lite.training.losses.config import TERMS, FapeConfig
from alphafold_lite.training.losses.distogram import distogram_loss
from alphafold_lite.training.losses.fape import Placed, aligned_distances, backbone_fape, sidechain_fape
from alphafold_lite.training.losses.renaming import rename_ambiguous
from alphafold_lite.training.losses.torsion import torsion_loss
from alphafold_lite.training.targets import WeightedTargets
from tests.support.loss_examples import network_input, predict, random_leaves, random_truth

ALL = LossConfig(**dict.fromkeys(TERMS, 1.0))
STRUCTURAL = {
    "backbone_fape",
    "sidechain_fape",
    "torsion",
    "distogram",
    "smooth_lddt",
    "rotamer",
    "near_distance",
    "backbone_angles",
}
CONFIDENCE = {"plddt", "pae", "resolved"}


@pytest.fixture
def case():
    truth = random_truth(12)
    return truth, predict(truth, random_leaves(truth)), network_input(truth)


def weighted(truth, weights, *, experimental):
    return WeightedTargets.of(
        truth.targets(), weights=weights, is_experimental=torch.tensor(float(experimental), dtype=torch.float64)
    )


def losses(prediction, network, targets):
    batch, msa = network
    return compute_losses(prediction, batch, msa, targets, ALL, clamped=torch.tensor(0.5, dtype=torch.float64))


def test_weights_of_1_change_no_bit(case):
    truth, prediction, network = case
    plain = losses(prediction, network, truth.targets())
    ones = losses(prediction, network, weighted(truth, torch.ones(12, dtype=torch.float64), experimental=True))
    assert set(plain.terms) == set(TERMS)
    assert all(torch.equal(plain.terms[name], ones.terms[name]) for name in TERMS)
    assert torch.equal(plain.total, ones.total)


def test_what_a_predicted_structure_teaches(case):
    truth, prediction, network = case
    plain = losses(prediction, network, truth.targets()).terms
    weights = torch.linspace(0, 1, 12, dtype=torch.float64)
    found = losses(prediction, network, weighted(truth, weights, experimental=False)).terms
    assert {name for name in TERMS if found[name] == 0} == CONFIDENCE
    assert all(plain[name] > 0 for name in CONFIDENCE)
    unchanged = {name for name in TERMS if torch.equal(found[name], plain[name])}
    assert unchanged == set(TERMS) - STRUCTURAL - CONFIDENCE


def test_equal_weights_are_no_weights(case):
    """They tell residues of one crop apart; how often a chain is seen is a matter of its share."""
    truth, prediction, network = case
    plain = losses(prediction, network, truth.targets()).terms
    halves = losses(prediction, network, weighted(truth, torch.full((12,), 0.5).double(), experimental=False)).terms
    for name in STRUCTURAL:
        assert float(halves[name]) == pytest.approx(float(plain[name]), rel=1e-3), name


def test_no_weight_anywhere_is_no_loss_and_no_gradient():
    truth = random_truth(6)
    leaves = random_leaves(truth).map(lambda t: t.requires_grad_())
    found = losses(predict(truth, leaves), network_input(truth), weighted(truth, torch.zeros(6), experimental=False))
    assert all(found.terms[name] == 0 for name in STRUCTURAL)
    sum(found.terms[name] for name in STRUCTURAL).backward()
    assert leaves.translations.grad.abs().max() == 0 and leaves.distogram.grad.abs().max() == 0


def test_backbone_by_hand(case):
    truth, prediction, _ = case
    weights = torch.rand(12, generator=torch.Generator().manual_seed(3)).double()
    targets = weighted(truth, weights, experimental=False)
    frames = prediction.structure.frames[-1]
    predicted = Placed(frames=frames, points=frames.translation)
    true = Placed(frames=targets.backbone, points=targets.backbone.translation)
    pairs = weights[:, None] * weights[None]
    want = (aligned_distances(predicted, true) * pairs).sum() / pairs.sum() / 10
    found = backbone_fape([frames], targets, torch.zeros((), dtype=torch.float64), FapeConfig())[0]
    assert float(found) == pytest.approx(float(want), rel=1e-4)


def test_a_weight_of_0_is_a_mask(case):
    truth, prediction, _ = case
    keep = torch.ones(12, dtype=torch.float64)
    keep[[1, 5]] = 0
    targets, plain = weighted(truth, keep, experimental=False), truth.targets()
    groups = replace(plain.groups, exists=plain.groups.exists * keep[:, None])
    masked = replace(
        plain,
        groups=groups,
        torsions_mask=plain.torsions_mask * keep[:, None],
        pseudo_beta_mask=plain.pseudo_beta_mask * keep,
    )
    sidechains = prediction.structure.sidechains
    renamed = rename_ambiguous(prediction.atom14_positions, plain)
    without = replace(renamed, atom14_mask=renamed.atom14_mask * keep[:, None])
    for ours, theirs in (
        (torsion_loss(sidechains, targets), torsion_loss(sidechains, masked)),
        (
            sidechain_fape(sidechains[-1], targets, renamed, FapeConfig()),
            sidechain_fape(sidechains[-1], masked, without, FapeConfig()),
        ),
        (
            distogram_loss(prediction.logits.distogram, targets, ALL.distogram_bins),
            distogram_loss(prediction.logits.distogram, masked, ALL.distogram_bins),
        ),
    ):
        assert float(ours) == pytest.approx(float(theirs), rel=1e-10)
