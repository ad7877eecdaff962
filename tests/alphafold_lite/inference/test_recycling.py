from dataclasses import replace

import pytest
import torch

from alphafold_lite.inference import kept_templates
from alphafold_lite.inference.recycling import distance_change, fold
from alphafold_lite.kernels.fast import fast
from tests.support.random_inputs import random_batch, random_model, small_config


@pytest.fixture(scope="module")
def model():
    return random_model(small_config(), fast(), dtype=torch.float32)


@pytest.fixture(scope="module")
def batch():
    return random_batch(dtype=torch.float32)


def test_passes_are_chained(model, batch):
    seen = []
    folded = fold(model, lambda _: (batch,), num_recycles=2, on_pass=lambda i, p: seen.append((i, p)))
    assert [i for i, _ in seen] == [0, 1, 2] and folded.passes == 3 and len(folded.changes) == 2
    with torch.no_grad():
        by_hand = model(batch, model(batch, model(batch).recycled).recycled)
    assert torch.equal(folded.prediction.atom37_positions, by_hand.atom37_positions)
    assert not folded.prediction.atom37_positions.requires_grad


def test_every_pass_may_have_its_own_sample(model, batch):
    asked = []
    other = random_batch(seed=5, dtype=torch.float32)

    def inputs(number):
        asked.append(number)
        return (batch if number == 0 else other,)

    folded = fold(model, inputs, num_recycles=1)
    assert asked == [0, 1]
    assert not torch.equal(
        folded.prediction.atom37_positions, fold(model, lambda _: (batch,), num_recycles=1).prediction.atom37_positions
    )


def test_tolerance_stops_early(model, batch):
    folded = fold(model, lambda _: (batch,), num_recycles=5, tolerance=1e6)
    assert folded.passes == 2 and folded.converged
    assert not fold(model, lambda _: (batch,), num_recycles=1, tolerance=0.0).converged


def test_distance_change_ignores_motion_and_masked_residues():
    positions = torch.randn(6, 37, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([1.0, 1, 1, 1, 1, 0])
    moved = positions + 5
    moved[5] += 100
    assert distance_change(positions, moved, mask) < 1e-5
    moved[0] += 3
    assert distance_change(positions, moved, mask) > 0.1


def test_bf16_stays_near_float32_and_returns_float32(model, batch):
    full = fold(model, lambda _: (batch,), num_recycles=0).prediction
    half = fold(model, lambda _: (batch,), num_recycles=0, precision="bf16").prediction
    assert half.atom37_positions.dtype == torch.float32 and half.logits.plddt.dtype == torch.float32
    pair, rough = full.representations.pair, half.representations.pair.float()
    assert float((pair - rough).norm() / pair.norm()) < 0.05


def test_negative_recycles_are_refused(model, batch):
    with pytest.raises(ValueError, match="at least 0"):
        fold(model, lambda _: (batch,), num_recycles=-1)


def _counted(model, monkeypatch):
    """Calls of the template pair stack."""
    calls, embed = [], model.template_embedder.pair.forward
    monkeypatch.setattr(model.template_embedder.pair, "forward", lambda *a: calls.append(1) or embed(*a))
    return calls


def test_templates_are_embedded_once_while_they_stay_the_same(model, batch, monkeypatch):
    plain = fold(model, lambda _: (batch,), num_recycles=2)
    calls = _counted(model, monkeypatch)
    copies = fold(model, lambda _: (batch.map(torch.clone),), num_recycles=2)
    assert len(calls) == 1
    assert torch.equal(copies.prediction.atom37_positions, plain.prediction.atom37_positions)
    with torch.no_grad():
        by_hand = model(batch, model(batch, model(batch).recycled).recycled)
    assert torch.equal(plain.prediction.atom37_positions, by_hand.atom37_positions) and len(calls) == 4


@pytest.mark.parametrize("changed", ["atom37", "mask", "quality", None])
def test_other_templates_or_residues_are_embedded_anew(model, batch, monkeypatch, changed):
    calls = _counted(model, monkeypatch)
    templates = replace(batch.templates, quality=torch.ones(*batch.templates.mask.shape, 4))
    first = replace(batch, templates=templates)
    if changed is None:
        seq_mask = batch.seq_mask.clone()
        seq_mask[-1] = 0
        other = replace(first, seq_mask=seq_mask)
    else:
        other = replace(first, templates=replace(templates, **{changed: getattr(templates, changed) * 0.5}))
    kept = fold(model, lambda number: (other if number else first,), num_recycles=2)
    assert len(calls) == 2
    with torch.no_grad():
        by_hand = model(other, model(other, model(first).recycled).recycled)
    assert torch.equal(kept.prediction.atom37_positions, by_hand.atom37_positions)


def test_embedded_templates_that_take_much_memory_are_not_kept(model, batch, monkeypatch):
    monkeypatch.setattr(kept_templates, "MOST_BYTES", 1)
    calls = _counted(model, monkeypatch)
    fold(model, lambda _: (batch,), num_recycles=2)
    assert len(calls) == 3
