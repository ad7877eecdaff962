import json
import os
import signal
from dataclasses import replace

import pytest
import torch

from alphafold_lite.common.errors import AlphaFoldLiteError, InputError
from alphafold_lite.training import checkpoint, loop, parameters
from alphafold_lite.training.config import Stage
from alphafold_lite.training.distributed import World
from alphafold_lite.training.records import Silent, read_metrics
from alphafold_lite.training.run_folder import Sources, check_new, record
from alphafold_lite.weights.checkpoint import read_header
from tests.support.training_runs import small_config, write_sets

LENGTH = ("run.steps=6", "run.checkpoint_every=2", "run.log_every=2", "run.validate_every=0")


class Listener(Silent):
    def __init__(self):
        self.advanced, self.lines = [], []

    def advance(self, step):
        self.advanced.append(step)

    def means(self, step, text):
        self.lines.append((step, text))

    def report(self, line):
        self.lines.append(line)


@pytest.fixture
def sources(tmp_path):
    backbone, allatom = write_sets(tmp_path)
    return Sources(data=(str(backbone), str(allatom)), validation=(str(backbone),))


def make_run(config, sources, folder, display=None):
    record(folder, config, sources)
    return loop.Run(config, sources, folder, World(), display=display or Silent())


def test_a_run_writes_what_it_did(sources, tmp_path):
    listener = Listener()
    run = make_run(
        small_config(*LENGTH, "run.validate_every=3", "validation.count=2"), sources, tmp_path / "run", listener
    )
    progress = run.train()
    assert (progress.step, progress.samples, progress.skipped, progress.updates) == (6, 12, 0, 6)
    lines = read_metrics(tmp_path / "run")
    steps = [line for line in lines if line["kind"] == "step"]
    scores = [line for line in lines if line["kind"] == "validation"]
    assert [line["step"] for line in steps] == [2, 4, 6] and [line["step"] for line in scores] == [3, 6]
    assert {"loss", "backbone_fape", "gradient_norm", "learning_rate", "samples_per_second"} <= steps[0].keys()
    assert {"lddt_ca", "tm", "template_lddt_ca"} <= scores[0].keys()
    assert listener.advanced == [1, 2, 3, 4, 5, 6]
    assert any("validation" in line for line in listener.lines if isinstance(line, str))
    assert sorted(p.name for p in (tmp_path / "run" / checkpoint.FOLDER).iterdir()) == ["00000004", "00000006"]
    assert read_header(tmp_path / "run" / parameters.AVERAGE).step == 6
    assert read_header(tmp_path / "run" / parameters.BEST).step in (3, 6)


def state_bytes(folder):
    return [(folder / name).read_bytes() for name in (checkpoint.TENSORS, checkpoint.VALUES)]


def test_stopping_and_going_on_ends_in_the_same_bytes(sources, tmp_path):
    config = small_config(*LENGTH)
    config = replace(config, stages=(Stage(first_step=4, settings=("data.crop_size=12",)),))
    make_run(config, sources, tmp_path / "straight").train()
    folder = tmp_path / "stopped"
    with pytest.raises(loop.RunInterruptedError):
        run = make_run(config, sources, folder)
        run.display = type(
            "Stop", (Silent,), {"advance": lambda self, step: step == 3 and os.kill(os.getpid(), signal.SIGTERM)}
        )()
        run.train()
    assert checkpoint.latest(folder).name == "00000004"  # the step in hand was finished
    make_run(config, sources, folder).train()
    ends = [checkpoint.latest(tmp_path / name) for name in ("straight", "stopped")]
    assert ends[0].name == ends[1].name == "00000006"
    assert state_bytes(ends[0]) == state_bytes(ends[1])
    averages = [(tmp_path / name / parameters.AVERAGE).read_bytes() for name in ("straight", "stopped")]
    assert averages[0] == averages[1]


def test_lines_of_steps_that_are_made_again_are_replaced(sources, tmp_path):
    config = small_config(*LENGTH)
    run = make_run(config, sources, tmp_path / "run")
    run.train()
    (tmp_path / "run" / checkpoint.FOLDER / "00000006").rename(tmp_path / "gone")
    make_run(config, sources, tmp_path / "run").train()
    assert [line["step"] for line in read_metrics(tmp_path / "run")] == [2, 4, 6]


def spoil(run, at):
    """Make the gradient of some steps infinite."""
    compute = run.gradients.compute

    def wrapper(config, step, batches):
        hook = run.model.evoformer.single.weight.register_hook(lambda g: g * float("inf")) if step in at else None
        try:
            return compute(config, step, batches)
        finally:
            if hook is not None:
                hook.remove()

    run.gradients.compute = wrapper


def test_a_bad_step_is_skipped_and_counted(sources, tmp_path):
    run = make_run(small_config(*LENGTH), sources, tmp_path / "run")
    before = []
    spoil(run, {3})
    original = run._one_step

    def watch(step, *args):
        before.append(run.state.flat.values.clone())
        return original(step, *args)

    run._one_step = watch
    progress = run.train()
    assert (progress.skipped, progress.updates, progress.samples) == (1, 5, 12)
    assert torch.equal(before[3], before[4]) and not torch.equal(before[4], before[5])
    (line,) = [line for line in read_metrics(tmp_path / "run") if line["kind"] == "skipped"]
    assert line["step"] == 4 and "evoformer.single.weight" in line["problems"][0]


def test_too_many_bad_steps_stop_the_run(sources, tmp_path):
    run = make_run(small_config(*LENGTH, "run.max_skipped=2"), sources, tmp_path / "run")
    spoil(run, {1, 2, 4, 5})
    with pytest.raises(AlphaFoldLiteError, match=r"3 by step 5"):
        run.train()
    assert run.progress.updates == 2


def test_a_later_run_starts_from_averages_and_further_on_in_the_data(sources, tmp_path):
    make_run(small_config(*LENGTH), sources, tmp_path / "first").train()
    started = replace(sources, start=str(tmp_path / "first"))
    config = small_config(*LENGTH, "run.first_step=4", "run.steps=8", "optimizer.restart_warmup_samples=4")
    run = make_run(config, started, tmp_path / "second")
    assert run.progress.samples == 8
    straight = make_run(small_config(*LENGTH), sources, tmp_path / "first")
    assert torch.equal(run.state.flat.values, straight.state.ema.average)
    assert run.train().step == 8


def test_more_blocks_start_at_random(sources, tmp_path, caplog):
    make_run(small_config(*LENGTH), sources, tmp_path / "first").train()
    started = replace(sources, start=str(tmp_path / "first" / parameters.AVERAGE))
    with caplog.at_level("WARNING"):
        make_run(small_config("model.evoformer.num_blocks=2"), started, tmp_path / "second")
    assert "evoformer.blocks.1." in caplog.text
    with pytest.raises(InputError, match="parameters that fit"):
        make_run(small_config("model.pair_channels=12"), started, tmp_path / "third")


def test_a_batch_that_does_not_go_round_is_refused(sources, tmp_path):
    with pytest.raises(InputError, match="2 processes"):
        loop.Run(small_config("step.batch_size=3"), sources, tmp_path, World(size=2), display=Silent())


def test_a_run_folder_is_not_used_twice(sources, tmp_path):
    check_new(tmp_path / "run")
    record(tmp_path / "run", small_config(), sources)
    with pytest.raises(InputError, match="--resume"):
        check_new(tmp_path / "run")
    content = json.loads((tmp_path / "run" / "config.json").read_text())
    assert content["config"]["data"]["crop_size"] == 16
