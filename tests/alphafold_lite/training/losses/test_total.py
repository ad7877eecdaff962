import math
from dataclasses import fields, replace

import pytest
import torch

from alphafold_lite.common.errors import InputError
from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.kernels.fast import fast
from alphafold_lite.model.heads import LinearHead
from alphafold_lite.training.losses import LossConfig, MsaTruth, compute_losses, finetuning, initial_training
from alphafold_lite.training.losses.config import TERMS
from alphafold_lite.training.targets import BACKBONE_ATOMS
from tests.support.loss_examples import Leaves, network_input, predict, random_leaves, random_truth, stacked
from tests.support.random_inputs import random_batch, random_model, random_rigid, small_config

EVERYTHING = replace(
    finetuning(initial_training(), pae=True), smooth_lddt=0.5, rotamer=0.7, near_distance=0.6, backbone_angles=0.3
)


def _losses(truth, prediction, config=EVERYTHING, *, clamped=1.0):
    batch, msa = network_input(truth)
    clamped = torch.tensor(clamped, dtype=truth.atom37.dtype)
    return compute_losses(prediction, batch, msa, truth.targets(), config, clamped=clamped)


def _same(one, other, rtol=1e-9):
    assert one.terms.keys() == other.terms.keys()
    for name in one.terms:
        torch.testing.assert_close(one.terms[name], other.terms[name], rtol=rtol, atol=1e-12, msg=name)
    torch.testing.assert_close(one.total, other.total, rtol=rtol, atol=1e-12)


def test_total_is_the_weighted_sum_times_root_of_the_length():
    truth = random_truth(12)
    losses = _losses(truth, predict(truth, random_leaves(truth)))
    assert tuple(losses.terms) == TERMS
    want = sum(weight * losses.terms[name] for name, weight in EVERYTHING.weights().items())
    torch.testing.assert_close(losses.total, want * math.sqrt(12))
    unscaled = _losses(truth, predict(truth, random_leaves(truth)), replace(EVERYTHING, scale_by_length=False))
    torch.testing.assert_close(unscaled.total, want)


def test_terms_without_weight_are_not_computed():
    truth = random_truth(6)
    prediction = predict(truth, random_leaves(truth))
    prediction = replace(prediction, logits=replace(prediction.logits, pae=None))
    assert set(TERMS) - set(_losses(truth, prediction, initial_training()).terms) == {
        "resolved", "violation", "pae", "smooth_lddt", "rotamer", "near_distance", "backbone_angles",
    }  # fmt: skip
    none = LossConfig(**dict.fromkeys(TERMS, 0.0))
    assert _losses(truth, prediction, none).terms == {} and _losses(truth, prediction, none).total == 0


@pytest.mark.parametrize(
    "head, setting", [("pae", "model.heads.pae"), ("backbone_angles", "model.heads.backbone_angle_bins")]
)
def test_a_network_without_a_head_that_a_loss_needs(head, setting):
    truth = random_truth(6)
    prediction = predict(truth, random_leaves(truth))
    with pytest.raises(InputError, match=setting):
        _losses(truth, replace(prediction, logits=replace(prediction.logits, **{head: None})))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_moving_the_target_changes_nothing(seed):
    truth = random_truth(seed=seed, missing=0.0)
    prediction = predict(truth, random_leaves(truth, noise=2.0, seed=seed))
    motion = random_rigid((), torch.Generator().manual_seed(seed + 50))
    _same(_losses(truth, prediction), _losses(truth.moved(motion), prediction))


def test_mirror_image_raises_fape_and_nothing_that_sees_only_distances():
    truth = random_truth(14)
    prediction = predict(truth, random_leaves(truth, noise=0.02))
    plain, mirrored = _losses(truth, prediction), _losses(truth.mirrored(), prediction)
    for name in ("backbone_fape", "sidechain_fape", "torsion", "rotamer"):
        assert mirrored.terms[name] > 3 * plain.terms[name], name
    for name in (
        "distogram",
        "plddt",
        "masked_msa",
        "resolved",
        "violation",
        "angle_norm",
        "smooth_lddt",
        "near_distance",
    ):
        torch.testing.assert_close(mirrored.terms[name], plain.terms[name])


@pytest.mark.parametrize("noise", [0.0, 1.0, 5.0])
def test_the_names_of_ambiguous_atoms_do_not_matter(noise):
    truth = random_truth(16, seed=5)
    prediction = predict(truth, random_leaves(truth, noise=noise))
    assert not torch.equal(truth.renamed().atom37, truth.atom37)
    _same(_losses(truth, prediction), _losses(truth.renamed(), prediction))


def test_padding_changes_nothing():
    n, full = 9, 13
    short = random_truth(n, missing=0.2)

    def pad(t, axes):
        size = list(t.shape)
        for axis in axes:
            size[axis] = full
        out = torch.full(size, 7.25 if t.is_floating_point() else 3, dtype=t.dtype)
        out[tuple(slice(0, n) if axis in axes else slice(None) for axis in range(t.dim()))] = t
        return out

    leaves = random_leaves(short, noise=2.0)
    residue_axes = {"distogram": (0, 1), "pae": (0, 1), "plddt": (0,), "resolved": (0,), "backbone_angles": (0,)}
    names = [f.name for f in fields(leaves)]
    padded_leaves = Leaves(**{name: pad(getattr(leaves, name), residue_axes.get(name, (1,))) for name in names})
    long = replace(
        short,
        **{name: pad(getattr(short, name), (0,)) for name in ("aatype", "residue_index", "atom37", "angles")},
        atom37_mask=torch.cat((short.atom37_mask, torch.ones(full - n, 37, dtype=torch.float64))),
        seq_mask=(torch.arange(full) < n).double(),
        frames=short.frames.map(lambda t: pad(t, (0,))),
    )
    batch, msa = network_input(short)
    padded_batch, padded_msa = network_input(long)
    padded_msa = replace(padded_msa, true_msa=pad(msa.true_msa, (1,)), bert_mask=pad(msa.bert_mask, (1,)).clamp(max=1))
    one = torch.tensor(1.0, dtype=torch.float64)
    want = compute_losses(predict(short, leaves), batch, msa, short.targets(), EVERYTHING, clamped=one)
    got = compute_losses(
        predict(long, padded_leaves), padded_batch, padded_msa, long.targets(), EVERYTHING, clamped=one
    )
    _same(want, got)


def test_each_example_by_itself():
    truths = [random_truth(8, seed=0, missing=0.3), random_truth(8, seed=1), random_truth(8, seed=2)]
    truths[1] = replace(truths[1], resolution=torch.tensor(0.0, dtype=torch.float64))
    predictions = [predict(t, random_leaves(t, noise=4.0, seed=i)) for i, t in enumerate(truths)]
    inputs = [network_input(t, seed=i) for i, t in enumerate(truths)]
    clamped = torch.tensor([1.0, 0.0, 0.5], dtype=torch.float64)
    batch, msa = stacked(inputs)
    together = compute_losses(
        stacked(predictions),
        replace(batch, templates=None),
        msa,
        stacked(truths).targets(),
        EVERYTHING,
        clamped=clamped,
    )
    assert together.total.shape == (3,)
    for i, (truth, prediction) in enumerate(zip(truths, predictions, strict=True)):
        alone = compute_losses(prediction, *inputs[i], truth.targets(), EVERYTHING, clamped=clamped[i])
        torch.testing.assert_close(together.total[i], alone.total)
        for name in TERMS:
            torch.testing.assert_close(together.terms[name][i], alone.terms[name], msg=name)
    assert together.terms["plddt"][1] == 0 and together.terms["plddt"][0] > 0


def test_autocast_rounds_nothing():
    truth = random_truth(10, dtype=torch.float32)
    leaves = random_leaves(truth).map(lambda t: t.requires_grad_())
    prediction = predict(truth, leaves)
    plain = _losses(truth, prediction)
    gradient = torch.autograd.grad(plain.total, leaves.translations, retain_graph=True)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = _losses(truth, prediction)
    assert under.total.dtype == torch.float32
    assert torch.equal(under.total, plain.total)
    assert all(torch.equal(under.terms[name], plain.terms[name]) for name in TERMS)
    assert torch.equal(torch.autograd.grad(under.total, leaves.translations)[0], gradient)


def test_half_precision_logits_are_taken_as_float32():
    truth = random_truth(8, dtype=torch.float32)
    prediction = predict(truth, random_leaves(truth))
    rounded = stacked([prediction.logits])
    rounded = type(rounded)(**{n: getattr(rounded, n)[0].bfloat16() for n in type(rounded).__slots__})
    exact = type(rounded)(**{n: getattr(rounded, n).float() for n in type(rounded).__slots__})
    _same(_losses(truth, replace(prediction, logits=rounded)), _losses(truth, replace(prediction, logits=exact)))


@pytest.mark.parametrize("collapsed", [False, True])
def test_gradients_are_finite_where_atoms_are_missing_and_where_they_coincide(collapsed):
    truth = random_truth(8, missing=0.5, dtype=torch.float32)
    truth = replace(truth, seq_mask=(torch.arange(8) < 6).float(), atom37=truth.atom37 * truth.atom37_mask[..., None])
    leaves = random_leaves(truth)
    if collapsed:  # a network as initialised: all frames at the origin
        truth = replace(truth, frames=Rigid.identity((8,), truth.atom37))
        leaves = replace(
            leaves,
            translations=torch.zeros_like(leaves.translations),
            quaternions=torch.tensor([1.0, 0, 0, 0]).expand(leaves.quaternions.shape).clone(),
        )
    leaves = leaves.map(lambda t: t.requires_grad_())
    total = _losses(truth, predict(truth, leaves)).total
    total.backward()
    assert torch.isfinite(total)
    for name in ("translations", "quaternions", "angles", "distogram", "masked_msa", "plddt", "resolved", "pae"):
        gradient = getattr(leaves, name).grad
        assert torch.isfinite(gradient).all() and gradient.norm() > 0, name


def test_gradient_is_the_slope():
    truth = random_truth(7, missing=0.2, seed=3)
    leaves = random_leaves(truth, noise=1.5).map(lambda t: t.requires_grad_())

    def total(translations, quaternions, angles, distogram):
        moved = replace(leaves, translations=translations, quaternions=quaternions, angles=angles, distogram=distogram)
        return _losses(truth, predict(truth, moved), clamped=0.9).total

    inputs = (leaves.translations, leaves.quaternions, leaves.angles, leaves.distogram)
    gradients = torch.autograd.grad(total(*inputs), inputs)
    g = torch.Generator().manual_seed(0)
    for which, gradient in enumerate(gradients):
        step = 1e-6 * torch.randn(gradient.shape, generator=g, dtype=torch.float64)
        ahead, behind = (
            total(*(t.detach() + sign * step if i == which else t for i, t in enumerate(inputs))) for sign in (1, -1)
        )
        assert (ahead - behind).item() == pytest.approx(2 * float((gradient * step).sum()), rel=1e-4)


def test_only_a_backbone_trains_without_side_chain_terms():
    truth = random_truth(9)
    backbone = torch.zeros(37, dtype=torch.float64)
    backbone[list(BACKBONE_ATOMS)] = 1
    bare = replace(truth, atom37_mask=truth.atom37_mask * backbone)
    leaves = random_leaves(truth).map(lambda t: t.requires_grad_())
    losses = _losses(bare, predict(truth, leaves))
    assert losses.terms["torsion"] == 0
    losses.terms["sidechain_fape"].backward()
    assert (leaves.angles.grad[:, :, 3:] == 0).all()  # no side-chain torsion has a say
    assert leaves.angles.grad[-1, :, 2].norm() > 0 and leaves.translations.grad[-1].norm() > 0


def test_every_parameter_of_a_network_learns():
    truth = random_truth(9, missing=0.1)
    model = random_model(small_config(), fast())
    model.heads.backbone_angles = LinearHead(small_config().single_channels, 16).double()  # official files have none
    torch.nn.init.normal_(model.heads.backbone_angles.logits.weight, generator=torch.Generator().manual_seed(1))
    batch = replace(random_batch(n=9), aatype=truth.aatype, residue_index=truth.residue_index)
    generator = torch.Generator().manual_seed(0)
    msa = MsaTruth(
        true_msa=torch.randint(0, 22, batch.msa.tokens.shape, generator=generator),
        bert_mask=torch.rand(batch.msa.mask.shape, generator=generator, dtype=torch.float64).round(),
    )
    previous = model(batch).recycled
    previous = replace(previous, positions=truth.atom37)
    one = torch.tensor(1.0, dtype=torch.float64)
    losses = compute_losses(model(batch, previous), batch, msa, truth.targets(), EVERYTHING, clamped=one)
    losses.total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name
