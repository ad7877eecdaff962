"""A run that was killed and resumed, and a run of two processes, end where one straight run ends."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from alphafold_lite.cli.main import run as command_line
from alphafold_lite.training import checkpoint, parameters
from tests.support.training_runs import SMALL_RUN, write_sets

ROOT = Path(__file__).parents[3]
PROGRAM = "import sys; from alphafold_lite.cli.main import run; sys.exit(run(sys.argv[1:]))"
LIMIT = 240  # seconds


def arguments(folder: Path, data: Path, *changes: str, steps: int) -> list[str]:
    settings = [part for change in (*SMALL_RUN, *changes) for part in ("--set", change)]
    fixed = ["--preset", "tiny", "--data", str(data), "--device", "cpu", "--quiet", "--steps", str(steps)]
    return ["train", "--out-dir", str(folder), *fixed, *settings]


def start(command: list[str], **environment: str) -> subprocess.Popen:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen([sys.executable, "-c", PROGRAM, *command], env=variables, cwd=folder_of(command))


def folder_of(command: list[str]) -> Path:
    return Path(command[command.index("--out-dir") + 1]).parent


@pytest.fixture
def data(tmp_path):
    return write_sets(tmp_path)[0]


def content(folder: Path, step: int) -> list[bytes]:
    place = folder / checkpoint.FOLDER / f"{step:08d}"
    return [(place / name).read_bytes() for name in (checkpoint.TENSORS, checkpoint.VALUES)]


@pytest.mark.parametrize("method", ["adam", "muon"])
def test_twenty_steps_kill_and_resume_to_forty_give_the_bytes_of_forty_straight(data, tmp_path, method):
    changes = (
        "run.checkpoint_every=20", "data.masked_fraction=0.15", "model.evoformer.pair_dropout=0.25", f"optimizer.method={method}",
    )  # fmt: skip
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    assert command_line(arguments(straight, data, *changes, steps=40)) == 0

    process = start(arguments(killed, data, *changes, steps=40))
    deadline = time.monotonic() + LIMIT
    while not (killed / checkpoint.FOLDER / f"{20:08d}").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -9
    assert checkpoint.latest(killed).name == f"{20:08d}"

    assert command_line(["train", "--out-dir", str(killed), "--resume", "--device", "cpu", "--quiet"]) == 0
    assert content(killed, 40) == content(straight, 40)
    averages = [(folder / parameters.AVERAGE).read_bytes() for folder in (straight, killed)]
    assert averages[0] == averages[1]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def train_with_two_processes(command: list[str]) -> None:
    """What `torchrun --nproc-per-node 2` sets, on the loopback interface alone."""
    port = str(free_port())
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "GLOO_SOCKET_IFNAME": "lo"}
    processes = [start(command, **common, RANK=str(rank), LOCAL_RANK=str(rank)) for rank in range(2)]
    assert [process.wait(timeout=LIMIT) for process in processes] == [0, 0]


def test_two_processes_make_the_steps_of_one(data, tmp_path):
    """Sums of four gradients in another order: equal up to rounding, which Adam's first steps enlarge."""
    changes = ("step.clip=example", "step.batch_size=4", "run.checkpoint_every=5", "model.evoformer.pair_dropout=0.25")
    one, two = tmp_path / "one", tmp_path / "two"
    assert command_line(arguments(one, data, *changes, steps=5)) == 0
    train_with_two_processes(arguments(two, data, *changes, steps=5))
    a, b = (load_file(folder / checkpoint.FOLDER / f"{5:08d}" / checkpoint.TENSORS) for folder in (one, two))
    for name in ("parameters", "adam_mean", "average"):
        assert torch.allclose(a[name], b[name], rtol=0, atol=1e-4 * float(a[name].abs().max())), name
    assert content(one, 5)[1] == content(two, 5)[1]


def test_with_one_micro_batch_a_process_they_are_the_same_bit_by_bit(data, tmp_path):
    changes = ("step.batch_size=2", "run.checkpoint_every=5")
    one, two = tmp_path / "one", tmp_path / "two"
    assert command_line(arguments(one, data, *changes, steps=5)) == 0
    train_with_two_processes(arguments(two, data, *changes, steps=5))
    assert content(one, 5) == content(two, 5)


def test_two_processes_skip_a_bad_step_together(data, tmp_path):
    """A loss weight beyond float32 makes some gradients infinite: both processes count the same steps and stop at the same one."""
    changes = ("step.batch_size=2", "loss.distogram=1e38", "run.max_skipped=2", "run.checkpoint_every=2")
    command = arguments(tmp_path / "bad", data, *changes, steps=30)
    port = str(free_port())
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "GLOO_SOCKET_IFNAME": "lo"}
    processes = [start(command, **common, RANK=str(rank), LOCAL_RANK=str(rank)) for rank in range(2)]
    assert [process.wait(timeout=LIMIT) for process in processes] == [1, 1]
    lines = (tmp_path / "bad" / "metrics.jsonl").read_text().splitlines()
    assert len([line for line in lines if '"skipped"' in line]) == 3
