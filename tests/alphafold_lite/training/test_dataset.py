from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from alphafold_lite.training.dataset import collate, make_example
from alphafold_lite.training.loader import MicroBatches, places_of_step
from alphafold_lite.training.plan import Plan, is_deep, max_templates, num_passes, num_templates, plan
from tests.support.training_runs import open_sets, small_config


@pytest.fixture
def sets(tmp_path):
    return open_sets(tmp_path)


def test_shapes_are_those_of_the_configuration(sets):
    config = small_config("step.micro_batch=2", "run.seed=3")
    dataset = MicroBatches(config, sets)
    seen = set()
    for step in range(12):
        batch = dataset[places_of_step(config, step)[0]]
        inputs = batch.passes[-1]
        rows, extra = inputs.msa.tokens.shape[1], inputs.extra_msa.tokens.shape[1]
        seen.add((rows, extra))
        assert len(batch.passes) == num_passes(config, step)
        assert inputs.aatype.shape == (2, 16)
        places = plan(config, step, 2 * step).templates
        if places:
            assert inputs.templates.atom37.shape == (2, places, 16, 37, 3) and inputs.templates.mask.all()
        else:
            assert inputs.templates is None
        assert batch.targets.atom14_positions.shape == (2, 16, 14, 3)
        assert batch.truth.true_msa.shape == batch.truth.bert_mask.shape == (2, rows, 16)
        assert batch.clamped.shape == (2,) and set(batch.clamped.tolist()) <= {0.0, 1.0}
    assert seen == {(1, 1), (3, 4)}  # single rows are not padded


def test_passes_share_crop_and_templates_but_not_rows(sets):
    config = small_config("data.masked_fraction=0.4")
    chain = sets[0][0]
    example = make_example(chain, config, Plan(passes=3, deep=True, templates=2), np.random.default_rng(1))
    batch = collate([example])
    first, *others = batch.passes
    assert all((first.aatype == other.aatype).all() for other in others)
    assert all((first.templates.atom37 == other.templates.atom37).all() for other in others)
    assert any((first.msa.tokens != other.msa.tokens).any() for other in others)
    assert (batch.truth.true_msa[0] == torch.as_tensor(example.draws[-1].true_msa)).all()


def test_chains_shorter_than_the_crop_are_masked_behind_their_end(sets):
    config = small_config("data.crop_size=40")
    batch = collate([make_example(sets[1][1], config, Plan(templates=1), np.random.default_rng(0))])
    assert batch.passes[0].seq_mask[0].tolist() == [1.0] * 20 + [0.0] * 20
    assert batch.targets.atom14_mask[0, 20:].sum() == 0
    assert torch.isfinite(batch.targets.atom14_positions).all()


def test_a_model_without_template_stack_gets_no_templates(sets):
    config = small_config(template=False)
    batch = MicroBatches(config, sets)[places_of_step(config, 0)[0]]
    assert batch.passes[0].templates is None and max_templates(config) == 0


def test_share_of_forward_passes_with_templates():
    config = small_config()
    config = replace(
        config, data=replace(config.data, templates=replace(config.data.templates, none=0.25, corrupted=0.75))
    )
    counts = Counter(num_templates(config, number) for number in range(400))
    assert counts[0] / 400 == pytest.approx(0.25, abs=0.07)
    assert counts[1] > 100 and counts[2] > 100 and set(counts) == {0, 1, 2}


def test_passes_are_uniform_and_the_same_for_every_process():
    config = small_config("step.max_recycles=3")
    drawn = [num_passes(config, step) for step in range(400)]
    assert set(drawn) == {1, 2, 3, 4}
    assert all(abs(count - 100) < 35 for count in Counter(drawn).values())
    assert {num_passes(small_config("step.max_recycles=0"), step) for step in range(9)} == {1}


def test_share_of_deep_passes():
    config = small_config()  # one of three shares is deep
    assert np.mean([is_deep(config, n) for n in range(600)]) == pytest.approx(1 / 3, abs=0.06)


def test_one_sample_out_of_a_micro_batch(sets):
    config = small_config("step.micro_batch=2")
    batch = MicroBatches(config, sets)[places_of_step(config, 1)[0]]
    second = batch.single(1)
    assert second.names == batch.names[1:]
    assert (second.passes[0].aatype == batch.passes[0].aatype[1:]).all()
    assert (second.targets.backbone.rotation == batch.targets.backbone.rotation[1:]).all()
