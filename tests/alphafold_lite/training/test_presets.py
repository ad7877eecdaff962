from dataclasses import replace

import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.alphafold import build
from alphafold_lite.training.ablations import ABLATIONS
from alphafold_lite.training.config import at_step
from alphafold_lite.training.presets import (
    PRESETS,
    cpu_small,
    finetuning,
    initial_training,
    small_model,
    training_config,
)


def test_initial_training_has_the_numbers_of_table_4():
    config = initial_training()
    data, step, optimizer = config.data, config.step, config.optimizer
    assert (data.crop_size, data.max_clusters, data.max_extra, data.templates.max_templates) == (256, 128, 1024, 4)
    assert (step.batch_size, step.clip, step.clip_norm, step.max_recycles) == (128, "example", 0.1, 3)
    assert (optimizer.learning_rate, optimizer.beta1, optimizer.beta2, optimizer.epsilon) == (1e-3, 0.9, 0.999, 1e-6)
    assert (optimizer.warmup_samples, optimizer.decay_after_samples, optimizer.ema_decay) == (128_000, 6_400_000, 0.999)
    assert (config.loss.violation, config.loss.resolved) == (0.0, 0.0)
    assert config.run.steps * step.batch_size == 10_000_000
    assert len(config.model.structure.__slots__) and config.model.evoformer.num_blocks == 48


def test_finetuning_has_the_numbers_of_table_4():
    config = finetuning()
    assert (config.data.crop_size, config.data.max_clusters, config.data.max_extra) == (384, 512, 5120)
    assert (config.loss.violation, config.loss.resolved, config.optimizer.warmup_samples) == (1.0, 0.01, 0)
    assert config.run.steps * config.step.batch_size == pytest.approx(1_500_000, rel=1e-4)


@pytest.mark.parametrize("name", PRESETS)
def test_every_stage_of_every_preset_is_valid(name):
    config = PRESETS[name]()
    for stage in config.stages:
        assert at_step(config, stage.first_step) != config


def test_small_presets_have_the_sizes_that_they_state():
    def size(model):
        return sum(p.numel() for p in build(model, reference()).parameters())

    assert 1.0e6 < size(cpu_small().model) < 1.6e6
    assert 4e6 < size(training_config("gpu_single").model) < 8e6


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_ablation_changes_something_and_builds(name):
    config = replace(initial_training(), model=small_model(num_blocks=1, pair=8, msa=8, structure_layers=1))
    config = replace(config, model=replace(config.model, extra_msa=replace(config.model.extra_msa, num_blocks=1)))
    changed = ABLATIONS[name](config)
    assert changed != config
    assert build(changed.model, reference()).config == changed.model


def test_ablations_stand_behind_plus_signs():
    config = training_config("cpu_small+no_templates+no_recycling")
    assert config.model.template is None
    assert config.step.max_recycles == 0
    assert config.name == "cpu_small+no_templates+no_recycling"


@pytest.mark.parametrize("name", ["cpu_tiny", "cpu_small+no_water"])
def test_unknown_names_are_refused(name):
    with pytest.raises(InputError, match="out of"):
        training_config(name)
