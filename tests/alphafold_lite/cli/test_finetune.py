import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from alphafold_lite.cli.main import run
from alphafold_lite.common.errors import EXIT_INPUT, EXIT_INTERRUPTED, EXIT_MISSING, EXIT_OK
from alphafold_lite.finetune import run as running
from alphafold_lite.training import checkpoint
from alphafold_lite.training.loop import RunInterruptedError
from alphafold_lite.training.records import read_metrics
from alphafold_lite.weights.checkpoint import read_header
from tests.support.small_library import write_small_library
from tests.support.structure_folders import write_structures

ROOT = Path(__file__).parents[3]
PROGRAM = "import sys; from alphafold_lite.cli.main import run; sys.exit(run(sys.argv[1:]))"
QUICK = ("validation.num_recycles=0", "validation.max_length=24", "step.threads=1", "step.max_recycles=0")
LIMIT = 240  # seconds
MODEL = "untrained_tiny_finetuned"


@pytest.fixture
def words(tmp_path):
    """A quick fine-tuning of two families of two chains and a damaged file, into `out`."""
    library = write_small_library(tmp_path / "library")
    structures = write_structures(tmp_path / "structures", families=(0, 1), size=2)
    (structures / "broken.pdb").write_text("ATOM nothing\n")
    changes = [word for change in QUICK for word in ("--set", change)]
    fixed = ["--out-dir", str(tmp_path / "out"), "--device", "cpu", "--search-threads", "1"]
    new = ["--structures", str(structures), "--params", "random:0", "--library", str(library), "--crop", "16", *changes]
    return fixed, new


@pytest.fixture
def finetune(words):
    fixed, new = words
    return lambda *more, resume=False: run(["finetune", *fixed, *([] if resume else new), *map(str, more)])


def test_from_structures_to_a_network_that_predicts(finetune, tmp_path, capfd):
    out = tmp_path / "out"
    assert finetune("--steps", 3, "--lora", 2) == EXIT_OK
    shown = capfd.readouterr().out
    assert "lddt_ca" in shown and "predict --params" in shown
    assert "broken.pdb,,unreadable" in (out / "rejected.csv").read_text()
    summary = json.loads((out / "summary.json").read_text())
    assert summary["steps"] == 3 and summary["data"]["num_training"] == 2 and summary["data"]["num_validation"] == 2
    assert 0 < summary["learning_parameters"] < 0.3 * summary["parameters"]
    assert summary["validation"]["lddt_ca"]["before"]["n"] == 2
    assert (out / "summary.html").read_text().startswith("<!doctype html>")

    about = read_header(out / f"{MODEL}.safetensors")
    assert about.name == MODEL and about.untrained and about.max_clusters > 4  # rows to predict with, as of the start
    assert not [name for name in load_file(out / f"{MODEL}.safetensors") if "parametrizations" in name]
    fasta = tmp_path / "query.fa"
    fasta.write_text(">query\nMKTAYIAKQRQISFVK\n")
    options = [
        "--msa-mode",
        "single",
        "--templates",
        "none",
        "--relax",
        "none",
        "--num-recycles",
        "0",
        "--device",
        "cpu",
    ]
    command = ["predict", "--fasta", fasta, "--params", out, "--out-dir", tmp_path / "predicted", *options, "--quiet"]
    assert run(list(map(str, command))) == EXIT_OK
    assert list((tmp_path / "predicted" / "query").glob(f"unrelaxed_{MODEL}*.pdb"))


def test_an_interrupted_run_goes_on_and_ends_where_a_straight_one_does(finetune, tmp_path, monkeypatch):
    options = ("--steps", 4, "--freeze", "trunk", "--quiet", "--set", "run.validate_every=0")
    assert finetune(*options) == EXIT_OK
    straight = load_file(tmp_path / "out" / f"{MODEL}.safetensors")
    (tmp_path / "out" / "training").rename(tmp_path / "first")

    class Stopping(running.Run):
        def _after(self, done, averages, recorder, *, stopping):
            super()._after(done, averages, recorder, stopping=done == 2)
            if done == 2:
                raise RunInterruptedError(done)

    with monkeypatch.context() as patched:
        patched.setattr(running, "Run", Stopping)
        assert finetune(*options) == EXIT_INTERRUPTED
    assert checkpoint.latest(tmp_path / "out" / "training").name == f"{2:08d}"
    assert finetune("--resume", "--quiet", resume=True) == EXIT_OK
    resumed = load_file(tmp_path / "out" / f"{MODEL}.safetensors")
    assert all((straight[name] == resumed[name]).all() for name in straight)
    moved = {name.partition(".")[0] for name in straight if name.startswith(("structure_module", "heads"))}
    assert moved == {"structure_module", "heads"}


def test_a_dry_run_says_what_and_how_much_and_writes_nothing(finetune, tmp_path, capfd):
    assert finetune("--steps", 10, "--dry-run", "--freeze", "structure") == EXIT_OK
    shown = capfd.readouterr().out
    assert "2 to learn from, 2 for validation" in shown and "1: unreadable" in shown
    assert "10 steps of 4 crops of 16 on cpu" in shown and "GiB" in shown and "for 4 chains" in shown
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "more, resume, expected",
    [
        (("--resume",), True, "fine-tuning to resume"),
        (("--resume",), False, "--resume with --out-dir alone"),
        (("--crop", "4"), False, "--crop of 8 or more"),
        (("--set", "data.cropsize=3"), False, "did you mean crop_size"),
        (("--ids", "missing.txt"), False, "missing.txt"),
        (("--validation-share", "1"), False, "--validation-share"),
        ((), True, "--structures DIR and --params NAME"),
    ],
)
def test_mistakes_are_one_line(finetune, capfd, more, resume, expected):
    assert finetune(*more, "--quiet", resume=resume) in (EXIT_INPUT, EXIT_MISSING)
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and expected in lines[0]


def test_what_may_change_under_a_run_and_what_not(finetune, tmp_path, capfd):
    out = tmp_path / "out"
    assert finetune("--steps", 1, "--quiet") == EXIT_OK
    assert finetune("--steps", 1, "--quiet") == EXIT_INPUT
    assert "give --resume" in capfd.readouterr().err

    (tmp_path / "structures").rename(tmp_path / "elsewhere")  # the set is made: structures are not needed any more
    assert finetune("--resume", "--steps", 2, "--quiet", resume=True) == EXIT_OK
    assert read_metrics(out / "training")[-1]["step"] == 2

    record = json.loads((out / "finetune.json").read_text())
    record["settings"]["params"] = "random:1"
    (out / "finetune.json").write_text(json.dumps(record))
    assert finetune("--resume", "--quiet", resume=True) == EXIT_INPUT
    assert "started from" in capfd.readouterr().err


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.mark.slow
def test_two_processes_share_one_preparation_and_one_summary(words, tmp_path):
    """What `torchrun --nproc-per-node 2` sets, on the loopback interface alone."""
    fixed, new = words
    command = [sys.executable, "-c", PROGRAM, "finetune", *fixed, *new, "--steps", "2", "--quiet"]
    common = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": "2",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **common}
    processes = [
        subprocess.Popen(command, env={**variables, "RANK": str(rank), "LOCAL_RANK": str(rank)}, stdout=subprocess.PIPE)
        for rank in range(2)
    ]
    outputs = [process.communicate(timeout=LIMIT)[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert "lddt_ca" in outputs[0] and outputs[1] == ""
    config = json.loads((tmp_path / "out" / "training" / "config.json").read_text())["config"]
    assert config["step"]["batch_size"] == 8  # a micro-batch of four for each
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["steps"] == 2
