import pytest

from alphafold_lite.common.errors import InputError, MissingResourceError
from alphafold_lite.finetune.configuration import num_parameters, reads_library, start_source, training_config
from alphafold_lite.finetune.settings import FinetuneSettings, SplitSettings
from alphafold_lite.presets import rows_of
from alphafold_lite.training import settings
from alphafold_lite.training.config import TrainingConfig
from alphafold_lite.training.lora import adapt
from alphafold_lite.training.schedule import learning_rate
from alphafold_lite.weights.convert import on_meta

OFFICIAL = "random:0:model_1_ptm"


def asked(params="random:0", **more):
    return FinetuneSettings(structures="DIR", params=params, **more)


def config(params="random:0", *, has_hits=True, cuda=False, processes=1, **more):
    return training_config(
        start_source(params), asked(params, **more), has_hits=has_hits, cuda=cuda, processes=processes
    )


def test_a_small_network_is_trained_as_small_ones_are():
    made = config()
    assert num_parameters(start_source("random:0")) < 1e6
    assert (made.step.batch_size, made.step.micro_batch, made.step.checkpoint_blocks) == (4, 4, False)
    assert made.data.templates.homologues > 0 and made.validation.templates == ("homologues",)
    assert made.data.inputs.alignment == 1.0 and made.data.inputs.carried_in_deep == 0.0
    assert made.loss.plddt_resolution is None and made.stages == ()


def test_official_sizes_are_trained_as_alphafold_finetunes():
    made = config(OFFICIAL, crop=64)
    assert 90e6 < num_parameters(start_source(OFFICIAL)) < 100e6
    assert made.step.checkpoint_blocks and made.step.micro_batch == 1 and made.step.clip == "example"
    assert made.data.crop_size == 64 and made.loss.violation == 1.0 and made.loss.pae == 0.1
    assert rows_of(start_source(OFFICIAL)) == (508, 5120) and made.data.max_clusters == 128
    assert (made.step.precision, config(OFFICIAL, cuda=True).step.precision) == ("fp32", "bf16")
    model = on_meta(made.model)
    adapt(model, made.adaptation, seed=0)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_networks_without_a_head_or_templates():
    made = config("random:0:model_3")
    assert made.loss.pae == 0.0 and made.data.templates.none == 1.0 and made.validation.templates == ("none",)
    assert not reads_library(start_source("random:0:model_3")) and reads_library(start_source(OFFICIAL))


def test_options_reach_the_training():
    made = config(freeze="trunk", lora=4, crop=32, steps=50, learning_rate=1e-3, seed=5, changes=("run.log_every=7",))
    assert (made.adaptation.freeze, made.adaptation.lora_rank) == ("trunk", 4)
    assert (made.data.crop_size, made.run.steps, made.run.seed, made.run.log_every) == (32, 50, 5, 7)
    assert max(learning_rate(made, step) for step in range(50)) == pytest.approx(1e-3, rel=0.05)
    assert config(lora=4).optimizer.learning_rate > config().optimizer.learning_rate
    assert config(has_hits=False).data.templates.homologues == 0.0
    assert settings.from_plain(TrainingConfig, settings.to_plain(made)) == made


@pytest.mark.parametrize("processes, batch", [(1, 8), (3, 9), (16, 16)])
def test_every_process_gets_as_many_crops(processes, batch):
    assert config(OFFICIAL, processes=processes).step.batch_size == batch


@pytest.mark.parametrize(
    "wrong",
    [{"lora": -1}, {"crop": 4}, {"steps": 0}, {"learning_rate": 0.0}],
)
def test_values_out_of_range(wrong):
    with pytest.raises(InputError, match="--"):
        asked(**wrong)


def test_split_out_of_range():
    for wrong in ({"share": 1.0}, {"identity": 0.0}):
        with pytest.raises(InputError, match="--"):
            SplitSettings(**wrong)


def test_parameters_that_are_not_there():
    with pytest.raises(MissingResourceError):
        start_source("nowhere/x.safetensors")
