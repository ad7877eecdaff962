"""A batch on a Ray cluster of two machines, of which one is killed: nothing lost, nothing twice, nothing half-written."""

import json
import os
import random
import subprocess
import sys
import tempfile
import time

import pytest

from alphafold_lite.batch.files import checksums
from alphafold_lite.batch.messages import STAGES
from tests.alphafold_lite.batch.test_kill import content, finished
from tests.support import ray_cluster

pytest.importorskip("ray", reason="extra [cluster] is not installed")

LETTERS = random.Random(1)
TARGETS = {f"t{number}": "".join(LETTERS.choices("ACDEFGHIKLMNPQRSTVWY", k=30 + number)) for number in range(8)}
FASTA = "".join(f">{name}\n{sequence}\n" for name, sequence in TARGETS.items())
ALONE = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # the latter: 127.0.0.1 only
SETTINGS = "--params random:0 --num-recycles 1 --relax none --msa-mode single --templates none --search-workers 2 --device cpu --json"


@pytest.fixture
def cluster():
    """A function that kills the second machine, and the address."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, ray_cluster.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        line = next((line for line in process.stdout if line.startswith("address ")), None)
        if line is None:
            errors.seek(0)
            pytest.fail(errors.read()[-2000:])

        def tell(word):
            process.stdin.write(f"{word}\n")
            process.stdin.flush()

        yield tell, line.split()[1]
        tell("end")
        process.communicate(timeout=30)


@pytest.mark.slow
def test_one_of_two_machines_is_killed_half_way(cluster, batches):
    tell, address = cluster
    batches.fasta.write_text(FASTA)
    command = [sys.executable, "-c", "from alphafold_lite.cli.main import entry; entry()", "batch"]
    command += ["--fasta", str(batches.fasta), "--out-dir", str(batches.out), "--engine", "ray", "--address", address]
    batch = subprocess.Popen(
        command + SETTINGS.split(), env=os.environ | ALONE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 240
    try:
        while finished(batches) < 3:
            assert batch.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        tell("kill")
        out, errors = batch.communicate(timeout=240)
    finally:
        batch.kill()
    assert batch.returncode == 0, errors

    told = [json.loads(line) for line in out.splitlines()]
    assert sorted(entry["name"] for entry in told) == sorted(TARGETS)  # each once
    assert {entry["status"] for entry in told} == {"done"}
    assert {row["name"]: row["status"] for row in batches.summary["targets"]} == dict.fromkeys(TARGETS, "done")
    for name, stage, files in batches.rows("SELECT name, stage, files FROM stages"):
        assert checksums(batches.out / name, stage) == json.loads(files), (name, stage)
    assert len(batches.rows("SELECT * FROM stages WHERE state = 'done'")) == len(TARGETS) * (len(STAGES) - 1)
    folds = batches.rows("SELECT details, attempts FROM stages WHERE stage = 'fold'")
    folds = [(json.loads(details), attempts) for details, attempts in folds]
    assert len({details["node"] for details, _ in folds}) == 2 and batches.summary["run"]["fold_workers"] == 2
    again = [attempts for _, attempts in folds if attempts > 1]
    lost = [death for details, _ in folds for death in details.get("deaths", ()) if death.startswith("fold: ")]
    assert len(again) <= len(lost) <= 1, (again, lost)  # only what was in hand was done again, and the journal says why
    assert not [path for path in batches.out.rglob(".tmp-*")], "temporary files are left"

    here = type(batches)(batches.out.parent / "here")
    here.out.parent.mkdir()
    here.fasta.write_text(FASTA)
    local = [*command[:3], "batch", "--fasta", str(here.fasta), "--out-dir", str(here.out), *SETTINGS.split()]
    subprocess.run(local, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True, capture_output=True)
    for name in TARGETS:
        assert content(here.out / name) == content(batches.out / name), name
