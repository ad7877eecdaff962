import json
from dataclasses import replace

import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.kernels.reference import reference
from alphafold_lite.training import loop, settings
from alphafold_lite.training.distributed import World
from alphafold_lite.training.records import Silent, read_metrics
from alphafold_lite.training.run_folder import Sources, record
from alphafold_lite.training.snapshot import add_packer, differing, read_snapshot, write_snapshot
from alphafold_lite.weights.checkpoint import load_checkpoint, read_header
from tests.support.training_runs import PACKING, small_config, write_sets

VALIDATED = ("run.steps=6", "run.validate_every=3", "validation.count=2", "run.checkpoint_every=3", "run.log_every=1")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("snapshot")
    backbone, allatom = write_sets(folder)
    sources = Sources(data=(str(backbone), str(allatom)), validation=(str(backbone),))
    config = small_config(*VALIDATED)
    record(folder / "run", config, sources)
    loop.Run(config, sources, folder / "run", World(), display=Silent()).train()
    return folder, sources


def test_two_files_say_where_the_run_stood(run, tmp_path):
    folder, _ = run
    kept = write_snapshot(folder / "run", tmp_path / "lite")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lite.json", "lite.safetensors"]
    assert read_snapshot(tmp_path / "lite.json") == kept
    assert kept.step == read_header(tmp_path / "lite.safetensors").step in (3, 6)
    assert kept.samples == 2 * kept.step and kept.validation[-1]["step"] == kept.step
    assert write_snapshot(folder / "run", tmp_path / "last", best=False).step == 6


def test_a_run_goes_on_from_these_files_alone(run, tmp_path):
    folder, sources = run
    kept = write_snapshot(folder / "run", tmp_path / "lite", best=False)
    options = (*kept.settings_to_go_on(warmup_samples=4), "run.steps=9")
    assert options[0] == "run.first_step=6"  # by which scripts/train_default.sh names its folders
    assert not [
        option for option in options if option.startswith("run.steps=6")
    ]  # it has ended: its length would leave nothing to do
    going = replace(kept, config=settings.override(kept.config, ["run.steps=7"]))
    assert "run.steps=7" in going.settings_to_go_on(warmup_samples=4)
    config = settings.override(kept.config, options)
    start = Sources(data=sources.data, validation=sources.validation, start=str(tmp_path / "lite.safetensors"))
    record(tmp_path / "next", config, start)
    again = loop.Run(config, start, tmp_path / "next", World(), display=Silent())
    assert (again.progress.step, again.progress.samples) == (6, 12)
    progress = again.train()
    assert (progress.step, progress.samples, progress.updates) == (9, 18, 3)
    steps = [line for line in read_metrics(tmp_path / "next") if line["kind"] == "step"]
    assert [line["step"] for line in steps] == [7, 8, 9] and [line["samples"] for line in steps] == [14, 16, 18]
    rates = [line["learning_rate"] for line in steps]
    assert rates[0] < rates[1]  # the warm-up of moments that start from nothing


def test_something_else_is_refused(tmp_path):
    for content in ("", "{}", json.dumps({"format": 2})):
        (tmp_path / "x.json").write_text(content)
        with pytest.raises(InputError, match="record of a training run"):
            read_snapshot(tmp_path / "x.json")
    with pytest.raises(InputError, match="run to resume"):
        write_snapshot(tmp_path, tmp_path / "lite")


def packed_run(run, tmp_path, name, *changes):
    """A short run from the kept parameters in which a packer learns by itself."""
    folder, sources = run
    kept = write_snapshot(folder / "run", tmp_path / "lite", best=False)
    new = (
        f"model.packing={PACKING}",
        "step.packing_alone=true",
        "run.validate_every=0",
        "data.shares=(0.0,1.0)",
        *changes,
    )
    config = settings.override(kept.config, [*new, "run.steps=4"])
    start = Sources(data=sources.data, start=str(tmp_path / "lite.safetensors"))
    record(tmp_path / name, config, start)
    loop.Run(config, start, tmp_path / name, World(), display=Silent()).train()
    return tmp_path / name


def test_a_packer_is_added_to_kept_parameters(run, tmp_path):
    taught = packed_run(run, tmp_path, "packed", "adaptation.freeze=folding")
    weights, before = tmp_path / "lite.safetensors", read_snapshot(tmp_path / "lite.json")
    earlier, step = load_checkpoint(weights, reference()), read_header(weights).step
    add_packer(taught, tmp_path / "lite")
    model = load_checkpoint(weights, reference())
    assert differing(model, earlier) == [] and earlier.packer is None and model.packer is not None
    want = dict(load_checkpoint(taught / "average.safetensors", reference()).named_parameters())
    assert all((value == want[name]).all() for name, value in model.named_parameters())
    assert read_snapshot(tmp_path / "lite.json") == before and read_header(weights).step == step
    noted = json.loads((tmp_path / "lite.json").read_text())["packer"]
    assert (noted["step"], noted["samples"]) == (4, 8) and noted["config"]["step"]["packing_alone"]
    add_packer(taught, tmp_path / "lite")  # in place of an earlier one
    assert differing(load_checkpoint(weights, reference()), earlier) == []


def test_a_run_that_changed_the_rest_gives_no_packer(run, tmp_path):
    taught = packed_run(run, tmp_path, "whole", "step.packing_alone=false")
    kept = (tmp_path / "lite.safetensors").read_bytes()
    with pytest.raises(InputError, match="but for the packer"):
        add_packer(taught, tmp_path / "lite")
    with pytest.raises(InputError, match="a packer"):
        add_packer(run[0] / "run", tmp_path / "lite")
    assert (tmp_path / "lite.safetensors").read_bytes() == kept
