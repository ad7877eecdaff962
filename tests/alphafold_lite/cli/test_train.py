import json

import pytest

from alphafold_lite.cli.main import run
from alphafold_lite.common.errors import EXIT_INPUT, EXIT_MISSING, EXIT_OK
from alphafold_lite.training import checkpoint
from alphafold_lite.training.records import read_metrics
from tests.support.training_runs import SMALL_RUN, write_sets


@pytest.fixture
def train(tmp_path):
    """Run the command on a small set; `--out-dir` is `run`."""
    data, other = write_sets(tmp_path)
    settings = [part for change in SMALL_RUN for part in ("--set", change)]
    fixed = ["--out-dir", str(tmp_path / "run"), "--device", "cpu"]

    def call(*more, resume=False):
        new = [] if resume else ["--data", str(data), "--data", str(other), *settings]
        return run(["train", *fixed, *new, *map(str, more)])

    return call


def test_a_run_its_files_and_its_lines(train, tmp_path, capfd):
    assert train("--preset", "tiny", "--steps", 10, "--seed", 3) == EXIT_OK
    folder = tmp_path / "run"
    record = json.loads((folder / "config.json").read_text())
    assert record["config"]["run"]["seed"] == 3 and record["config"]["data"]["crop_size"] == 16
    assert len(record["sources"]["data"]) == 2
    assert [line["step"] for line in read_metrics(folder)] == [5, 10]
    assert (folder / "average.safetensors").is_file()
    output = capfd.readouterr()
    lines = [line for line in output.err.splitlines() if line.startswith("step ")]
    assert len(lines) == 2 and "loss" in lines[0] and "samples/s" in lines[0]
    assert output.out == "" and "\x1b" not in output.err  # plain lines on a pipe


def test_resuming_goes_on_and_may_go_further(train, tmp_path):
    assert train("--preset", "tiny", "--steps", 4, "--quiet") == EXIT_OK
    assert train("--resume", "--steps", 6, "--set", "run.log_every=1", "--quiet", resume=True) == EXIT_OK
    assert checkpoint.latest(tmp_path / "run").name == "00000006"
    assert [line["step"] for line in read_metrics(tmp_path / "run")] == [4, 5, 6]
    assert train("--resume", "--quiet", resume=True) == EXIT_OK  # nothing left to do


@pytest.mark.parametrize(
    "options, words",
    [
        ((), "--preset NAME"),
        (("--preset", "huge"), "cpu_small"),
        (("--preset", "tiny", "--set", "data.cropsize=3"), "did you mean crop_size"),
        (("--preset", "tiny", "--set", "data.crop_size=big"), "int at data.crop_size"),
        (("--preset", "tiny", "--resume"), "--resume without"),
        (("--preset", "tiny", "--init-from", "nowhere.safetensors"), "nowhere.safetensors"),
    ],
)
def test_mistakes_are_one_line(train, capfd, options, words):
    assert train(*options) in (EXIT_INPUT, EXIT_MISSING)
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and words in lines[0]


def test_a_mistake_leaves_no_run_behind(train, tmp_path):
    assert train("--preset", "tiny", "--data", tmp_path / "missing.npz") == EXIT_INPUT
    assert not (tmp_path / "run").exists()
    assert train("--preset", "tiny", "--steps", 1, "--quiet") == EXIT_OK


def test_there_is_nothing_to_resume(train, capfd):
    assert train("--resume", resume=True) == EXIT_INPUT
    assert "no config.json" in capfd.readouterr().err


def test_network_and_seed_stay_those_of_the_run(train, capfd):
    assert train("--preset", "tiny", "--steps", 1, "--quiet") == EXIT_OK
    for change in ("run.seed=5", "model.pair_channels=12", "adaptation.freeze=trunk"):
        assert train("--resume", "--set", change, resume=True) == EXIT_INPUT
    assert capfd.readouterr().err.count("start a new run") == 3


def test_chains_are_left_out_by_name(train, tmp_path, capfd):
    names = tmp_path / "names.txt"
    names.write_text("# validation\n1AAA_A a comment\n3CCC_C\n")
    assert train("--preset", "tiny", "--steps", 2, "--leave-out", names, "--quiet") == EXIT_OK
    names.write_text("9ZZZ_Z\n")
    assert run(["train", "--out-dir", str(tmp_path / "b"), "--preset", "tiny", "--data", str(tmp_path / "backbone.npz"),
                "--leave-out", str(names)]) == EXIT_INPUT  # fmt: skip
    assert "none of 1" in capfd.readouterr().err
