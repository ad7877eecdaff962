from dataclasses import replace

import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.training.config import InputMix, RunConfig, Stage, StepConfig, at_step, samples_before
from tests.support.training_runs import small_config


@pytest.fixture
def staged():
    stages = (
        Stage(first_step=3, settings=("data.crop_size=24", "step.batch_size=6")),
        Stage(first_step=5, settings=("step.batch_size=4", "loss.violation=0.5")),
    )
    return replace(small_config(), stages=stages)


def test_stages_hold_from_their_first_step_on(staged):
    assert at_step(staged, 2).data.crop_size == 16
    assert at_step(staged, 3).data.crop_size == 24
    assert (at_step(staged, 5).data.crop_size, at_step(staged, 5).loss.violation) == (24, 0.5)


def test_position_in_the_data_counts_every_stage(staged):
    expected = [0, 2, 4, 6, 12, 18, 22, 26]
    assert [samples_before(staged, step) for step in range(8)] == expected
    assert all(
        samples_before(staged, s + 1) - samples_before(staged, s) == at_step(staged, s).step.batch_size
        for s in range(12)
    )


def test_stages_change_neither_network_nor_seed():
    for name in ("model.pair_channels=4", "run.seed=1"):
        with pytest.raises(InputError, match="data, loss, step"):
            replace(small_config(), stages=(Stage(first_step=1, settings=(name,)),))


def test_stages_stand_in_order():
    with pytest.raises(InputError, match="order"):
        replace(small_config(), stages=(Stage(first_step=4, settings=()), Stage(first_step=4, settings=())))


@pytest.mark.parametrize(
    "make",
    [
        lambda: StepConfig(batch_size=6, micro_batch=4),
        lambda: StepConfig(clip_norm=0.0),
        lambda: InputMix(alignment=0),
        lambda: InputMix(profile=-1.0),
        lambda: RunConfig(steps=5, first_step=6),
    ],
)
def test_impossible_values_are_refused(make):
    with pytest.raises(InputError):
        make()
