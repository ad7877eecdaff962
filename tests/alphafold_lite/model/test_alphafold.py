"""Properties of the whole network at small sizes, with all parameters random."""

from dataclasses import replace

import pytest
import torch

from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.kernels.fast import FastKernels, fast
from alphafold_lite.kernels.ops import Ops
from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.alphafold import build
from alphafold_lite.model.batch import map_tensors
from tests.support.random_inputs import random_batch, random_model, random_rigid, small_config


def stingy() -> Ops:
    """Fast kernels that cut everything into single rows."""
    k = FastKernels(budget=1)
    return Ops(
        name="stingy", attention=k.attention, by_rows=k.by_rows, triangle_product=k.triangle_product,
        outer_product=k.outer_product,
    )  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return random_model(small_config(), reference())


@torch.no_grad()
def test_shapes(model):
    p = model(random_batch(n=9, s=4))
    config = model.config
    assert p.atom37_positions.shape == (9, 37, 3) and p.atom14_positions.shape == (9, 14, 3)
    assert p.logits.distogram.shape == (9, 9, 64) and p.logits.plddt.shape == (9, 50)
    assert p.logits.masked_msa.shape == (4, 9, 23) and p.logits.resolved.shape == (9, 37)
    assert p.logits.pae is not None and p.logits.pae.shape == (9, 9, 64)
    assert p.representations.pair.shape == (9, 9, config.pair_channels)
    assert len(p.structure.frames) == config.structure.num_layers
    assert torch.equal(p.logits.distogram, p.logits.distogram.transpose(0, 1))


@torch.no_grad()
@pytest.mark.parametrize("ops", [fast(), stingy()], ids=lambda o: o.name)
@pytest.mark.parametrize("template", [True, False])
def test_fast_and_blocked_kernels_change_nothing(ops, template):
    config = small_config(template=template)
    batch = random_batch(padded=2)
    want, got = random_model(config, reference())(batch), random_model(config, ops)(batch)
    assert torch.allclose(want.atom37_positions, got.atom37_positions, atol=1e-9)
    assert torch.allclose(want.representations.pair, got.representations.pair, atol=1e-9)
    assert torch.allclose(want.logits.masked_msa, got.logits.masked_msa, atol=1e-9)


@torch.no_grad()
@pytest.mark.parametrize("ops", [reference(), fast()], ids=lambda o: o.name)
def test_leading_dimensions(ops):
    model = random_model(small_config(), ops)
    a, b = random_batch(seed=1), random_batch(seed=2, padded=3)
    apart = [model(x) for x in (a, b)]
    previous = [x.recycled for x in apart]
    again = [model(x, r) for x, r in zip((a, b), previous, strict=True)]

    def stack(x, y):
        others = []
        map_tensors(y, lambda t: others.append(t) or t)
        other = iter(others)
        return map_tensors(x, lambda t: torch.stack((t, next(other)))[None])

    together = model(stack(a, b), stack(*previous))
    for i, single in enumerate(again):
        assert torch.allclose(together.atom37_positions[0, i], single.atom37_positions, atol=1e-9)
        assert torch.allclose(together.logits.plddt[0, i], single.logits.plddt, atol=1e-9)
        assert torch.allclose(together.logits.pae[0, i], single.logits.pae, atol=1e-9)


@torch.no_grad()
def test_padding_residues_rows_and_templates_have_no_influence(model):
    batch = random_batch(n=9, padded=3, seed=4)
    noise = torch.Generator().manual_seed(9)

    def disturb(t):
        """Other values in the last three residues, wherever a residue axis (length 9) is found."""
        if not t.is_floating_point() or 9 not in t.shape:
            return t
        out = t.clone()
        out.narrow(t.shape.index(9), 6, 3).add_(torch.rand(1, generator=noise, dtype=t.dtype))
        return out

    other = replace(
        batch.map(disturb),
        seq_mask=batch.seq_mask,
        msa=replace(map_tensors(batch.msa, disturb), mask=batch.msa.mask),
        extra_msa=replace(map_tensors(batch.extra_msa, disturb), mask=batch.extra_msa.mask),
        templates=batch.templates,
    )
    want, got = model(batch), model(other)
    assert torch.allclose(want.atom37_positions[:6], got.atom37_positions[:6], atol=1e-9)
    assert torch.allclose(want.representations.pair[:6, :6], got.representations.pair[:6, :6], atol=1e-9)
    assert float(got.atom37_positions[6:].abs().max()) == 0


@torch.no_grad()
def test_masked_msa_row_has_no_influence(model):
    batch = random_batch(s=5, seed=5)
    tokens = batch.msa.tokens.clone()
    tokens[-1] = (tokens[-1] + 1) % 23
    other = replace(batch, msa=replace(batch.msa, tokens=tokens))
    assert torch.allclose(model(batch).atom37_positions, model(other).atom37_positions, atol=1e-9)


@torch.no_grad()
def test_order_of_msa_rows_below_the_first_leaves_the_pair_alone(model):
    batch = random_batch(s=6, seed=6)
    order = torch.tensor([0, 3, 1, 5, 2, 4])
    extra = torch.tensor([4, 2, 0, 1, 3])
    shuffled = replace(
        batch,
        msa=map_tensors(batch.msa, lambda t: t[order]),
        extra_msa=map_tensors(batch.extra_msa, lambda t: t[extra]),
    )
    want, got = model(batch), model(shuffled)
    assert torch.allclose(want.representations.pair, got.representations.pair, atol=1e-9)
    assert torch.allclose(want.logits.masked_msa[order], got.logits.masked_msa, atol=1e-9)


@torch.no_grad()
def test_order_of_templates_and_their_place_in_space_do_not_matter(model):
    batch = random_batch(t=3, seed=7)
    full = replace(batch.templates, mask=torch.ones(3, dtype=torch.float64))
    motion = random_rigid((3, 1, 1), torch.Generator().manual_seed(1))
    beta = Rigid(rotation=motion.rotation[:, 0], translation=motion.translation[:, 0])
    moved = replace(full, atom37=motion.apply(full.atom37), pseudo_beta=beta.apply(full.pseudo_beta))
    moved = map_tensors(moved, lambda t: t[torch.tensor([2, 0, 1])])
    want, got = model(replace(batch, templates=full)), model(replace(batch, templates=moved))
    assert torch.allclose(want.representations.pair, got.representations.pair, atol=1e-8)


@torch.no_grad()
def test_no_template_is_the_same_as_empty_places(model):
    batch = random_batch(seed=8)
    empty = replace(
        batch.templates,
        mask=torch.zeros_like(batch.templates.mask),
        atom37_mask=torch.zeros_like(batch.templates.atom37_mask),
    )
    want, got = model(replace(batch, templates=None)), model(replace(batch, templates=empty))
    assert torch.allclose(want.atom37_positions, got.atom37_positions, atol=1e-9)


@torch.no_grad()
def test_recycled_positions_are_read_up_to_a_rigid_motion(model):
    batch = random_batch(seed=10)
    recycled = model(batch).recycled
    motion = random_rigid((), torch.Generator().manual_seed(2))
    moved = replace(recycled, positions=motion.apply(recycled.positions))
    assert torch.allclose(model(batch, recycled).atom37_positions, model(batch, moved).atom37_positions, atol=1e-9)
    assert not torch.allclose(model(batch, recycled).atom37_positions, model(batch).atom37_positions, atol=1e-3)


@torch.no_grad()
def test_ensemble_averages_representations(model):
    a, b = random_batch(seed=11), random_batch(seed=12)
    b = replace(b, aatype=a.aatype)
    apart = [model.trunk(x, model(a).recycled) for x in (a, b)]
    together = model((a, b), model(a).recycled).representations
    assert torch.allclose(together.pair, (apart[0].pair + apart[1].pair) / 2)
    assert torch.allclose(together.msa, apart[0].msa)
    assert torch.allclose(model((a, a)).atom37_positions, model(a).atom37_positions, atol=1e-9)


def test_every_parameter_is_reached_by_a_gradient():
    model = random_model(small_config(), fast())
    batch = random_batch(seed=13)
    p = model(batch, model(batch).recycled)
    logits = (p.logits.distogram, p.logits.masked_msa, p.logits.plddt, p.logits.resolved, p.logits.pae)
    loss = p.atom37_positions.square().sum() + sum(x.square().sum() for x in logits)
    loss.backward()
    silent = [n for n, x in model.named_parameters() if x.grad is None or not bool((x.grad != 0).any())]
    assert silent == []


def test_fresh_network_starts_at_the_origin_and_leaves_its_residuals_closed():
    """Zero-initialised last layers (supplement 1.11.4): all frames stay at the identity, blocks change nothing."""
    model = build(small_config(), reference())
    with torch.no_grad():
        p = model(random_batch(dtype=torch.float32))
    assert float(p.structure.frames[-1].translation.abs().max()) == 0
    assert float(p.logits.plddt.abs().max()) == 0


def test_ablations_are_configurations():
    config = small_config(template=False)
    ablated = replace(
        config,
        evoformer=replace(config.evoformer, triangle_multiplication=False, triangle_attention_every=2),
        extra_msa=replace(config.extra_msa, num_blocks=0),
        structure=replace(config.structure, pair_bias=False, points=False),
    )
    model = build(ablated, fast())
    names = {
        n.split(".", 3)[-1].split(".")[0] for n, _ in model.named_parameters() if n.startswith("evoformer.blocks.1")
    }
    assert not any(n.startswith("triangle") for n in names)
    with torch.no_grad():
        assert bool(torch.isfinite(model(random_batch(dtype=torch.float32)).atom37_positions).all())


def test_the_template_stack_can_do_without_attention():
    config = small_config(template=True)
    assert config.template is not None
    batch, models = random_batch(dtype=torch.float32), []
    for attends in (True, False):
        torch.manual_seed(0)
        models.append(build(replace(config, template=replace(config.template, triangle_attention=attends)), fast()))
    with torch.no_grad():
        for model in models:
            assert bool(torch.isfinite(model(batch).atom37_positions).all())
    names = [
        {n for n, _ in model.named_parameters() if "template" in n and "triangle_attention" in n} for model in models
    ]
    assert names[0] and not names[1]
