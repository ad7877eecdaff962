"""Targets folded together are those folded alone. In float64, where a difference is an error and not rounding, then in float32."""

from dataclasses import replace

import pytest
import torch

from alphafold_lite import confidence
from alphafold_lite.inference.group import fold_group, together
from alphafold_lite.inference.recycling import fold
from alphafold_lite.kernels.fast import fast
from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.batch import map_tensors
from tests.support.random_inputs import random_batch, random_model, small_config

SIZES = ((9, 4, 5, 3), (13, 2, 9, 1), (6, 7, 1, 0), (12, 1, 4, 3))  # residues, rows, extra rows, templates


def draws(dtype, *, templates):
    """A target: pass number -> its input; every pass another draw of the same size, templates as they were."""

    def target(number, sizes):
        n, s, e, t = sizes
        first = random_batch(n=n, s=s, e=e, t=t * templates, seed=number, dtype=dtype)

        def draw(number_of_pass):
            other = random_batch(n=n, s=s, e=e, t=0, seed=100 + 10 * number + number_of_pass, dtype=dtype)
            other.msa.mask.fill_(1)  # what a masked row says of itself is nothing, alone as well
            other.extra_msa.mask.mul_(e > 1)  # a target without further rows has one under a zero mask
            return replace(first, msa=other.msa, extra_msa=other.extra_msa)

        return draw

    return [target(number, sizes) for number, sizes in enumerate(SIZES)]


def alone(model, draw, **keywords):
    return fold(model, lambda number: (draw(number),), **keywords)


def tensors(container):
    """All tensors of a prediction, in order."""
    found = []
    for name in container.__dataclass_fields__:
        value = getattr(container, name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, torch.Tensor):
                found.append(part)
            elif part is not None:
                found += tensors(part)
    return found


@pytest.mark.parametrize("ops", [reference(), fast()], ids=["reference", "fast"])
@pytest.mark.parametrize("templates", [True, False])
def test_everything_is_as_alone_whatever_stands_beside_it(ops, templates):
    model = random_model(small_config(), ops)
    inputs = draws(torch.float64, templates=templates)
    folded = fold_group(model, inputs, num_recycles=2)
    assert len(folded) == len(inputs)
    for draw, mine in zip(inputs, folded, strict=True):
        single = alone(model, draw, num_recycles=2)
        assert mine.passes == 3 and mine.changes == pytest.approx(single.changes, abs=1e-9)
        ours, theirs = tensors(mine.prediction), tensors(single.prediction)
        assert len(ours) == len(theirs) > 20
        for one, other in zip(ours, theirs, strict=True):
            assert one.shape == other.shape
            torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)
        ptm = [float(confidence.ptm(one.prediction.logits.pae)) for one in (mine, single)]
        assert ptm[0] == pytest.approx(ptm[1], abs=1e-10)


@pytest.mark.parametrize("pae", [True, False])
def test_a_network_without_templates_or_pae_head(pae):
    model = random_model(small_config(template=False, pae=pae), fast())
    inputs = draws(torch.float64, templates=False)
    for draw, mine in zip(inputs, fold_group(model, inputs, num_recycles=1), strict=True):
        single = alone(model, draw, num_recycles=1).prediction
        torch.testing.assert_close(mine.prediction.atom37_positions, single.atom37_positions, rtol=1e-8, atol=1e-8)
        assert (mine.prediction.logits.pae is None) != pae


def test_float32_coordinates_within_a_ten_thousandth_of_an_angstrom():
    model = random_model(small_config(), fast(), dtype=torch.float32)
    inputs = draws(torch.float32, templates=True)
    for draw, mine in zip(inputs, fold_group(model, inputs, num_recycles=0), strict=True):
        single = alone(model, draw, num_recycles=0).prediction
        torch.testing.assert_close(mine.prediction.atom37_positions, single.atom37_positions, rtol=0, atol=1e-4)


def test_bfloat16_is_no_farther_from_alone_than_from_float32():
    model = random_model(small_config(), fast(), dtype=torch.float32)
    inputs = draws(torch.float32, templates=True)
    for draw, mine in zip(inputs, fold_group(model, inputs, num_recycles=0, precision="bf16"), strict=True):
        full, half = (alone(model, draw, num_recycles=0, precision=precision) for precision in ("fp32", "bf16"))
        pairs = [one.prediction.representations.pair.float() for one in (mine, half, full)]
        rounding = float((pairs[1] - pairs[2]).norm() / pairs[2].norm())
        assert float((pairs[0] - pairs[1]).norm() / pairs[2].norm()) <= 2 * rounding and 0 < rounding < 0.1


def test_each_target_stops_recycling_for_itself_and_the_rest_go_on():
    model = random_model(small_config(), fast())
    inputs = draws(torch.float64, templates=True)
    singles = [alone(model, draw, num_recycles=4) for draw in inputs]
    firsts = sorted(min(single.changes) for single in singles)
    tolerance = (firsts[1] + firsts[2]) / 2  # some come below it, some do not
    singles = [alone(model, draw, num_recycles=4, tolerance=tolerance) for draw in inputs]
    assert len({single.passes for single in singles}) > 1
    asked = []

    def watched(target, draw):
        def draw_and_tell(number):
            asked.append((target, number))
            return draw(number)

        return draw_and_tell

    watching = [watched(target, draw) for target, draw in enumerate(inputs)]
    folded = fold_group(model, watching, num_recycles=4, tolerance=tolerance)
    for mine, single in zip(folded, singles, strict=True):
        assert (mine.passes, mine.converged) == (single.passes, single.converged)
        ours, theirs = mine.prediction.atom37_positions, single.prediction.atom37_positions
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8)
    assert sorted(asked) == [(target, n) for target, mine in enumerate(folded) for n in range(mine.passes)]


def test_what_is_added_is_masked():
    batches = [draw(0) for draw in draws(torch.float64, templates=True)]
    batch = together(batches, num_res=20)
    assert batch.seq_mask.shape == (4, 20) and batch.msa.mask.shape == (4, 7, 20) and batch.extra_msa.mask.shape[1] == 9
    assert batch.templates.mask.tolist()[2] == [0, 0, 0]  # the target that has none
    for place, single in enumerate(batches):
        for mask, own in ((batch.msa.mask, single.msa.mask), (batch.extra_msa.mask, single.extra_msa.mask)):
            assert float(mask[place].sum()) == float(own.sum())
        assert float(batch.seq_mask[place].sum()) == float(single.seq_mask.sum())
    quality = [replace(one.templates, quality=torch.ones(3 if one is batches[0] else 1, 4)) for one in batches[:2]]
    mixed = [replace(one, templates=templates) for one, templates in zip(batches[:2], quality, strict=True)]
    assert together(mixed, num_res=13).templates.quality.sum(-1).tolist() == [[4, 4, 4], [4, 0, 0]]
    assert map_tensors(batch, lambda t: t[0]).templates.quality is None


def test_negative_recycles_are_refused():
    model = random_model(small_config(), fast())
    with pytest.raises(ValueError, match="at least 0"):
        fold_group(model, draws(torch.float64, templates=False), num_recycles=-1)
