"""`kill -9` in the middle of a batch: nothing lost, nothing twice, nothing half-written."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from alphafold_lite.batch.files import checksums, locked
from alphafold_lite.batch.messages import STAGES
from alphafold_lite.batch.status import status

TARGETS = {f"t{number:02d}": "MQIFVKTLTGKTITLEVEPS"[: 8 + number] for number in range(12)}
FASTA = "".join(f">{name}\n{sequence}\n" for name, sequence in TARGETS.items())


def begin(batches):
    """A batch in a process group of its own, as the command line runs it."""
    batches.fasta.write_text(FASTA)
    arguments = [
        "batch",
        "--fasta",
        batches.fasta,
        "--out-dir",
        batches.out,
        "--params",
        "random:0",
        "--num-recycles",
        "0",
    ]
    arguments += ["--relax", "none", "--msa-mode", "single", "--templates", "none", "--device", "cpu"]
    command = [sys.executable, "-c", "from alphafold_lite.cli.main import entry; entry()", *map(str, arguments)]
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def finished(batches):
    journal = batches.out / ".batch" / "journal.sqlite"
    if not journal.is_file():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=5)) as found:
            return found.execute("SELECT count(*) FROM targets WHERE state = 'done'").fetchone()[0]
    except sqlite3.OperationalError:  # not made yet
        return 0


def content(folder):
    """Names and bytes of everything that does not hold a time."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name not in ("timings.json", "run.json"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize("whole_group", [True, False])
def test_killed_in_the_middle_and_gone_on_with(batches, whole_group):
    process = begin(batches)
    deadline = time.monotonic() + 60
    while finished(batches) < 4:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
    process.wait()
    with locked(batches.out):  # workers without a parent have ended
        done = finished(batches)
        assert 4 <= done < 12
        for name, stage, files in batches.rows("SELECT name, stage, files FROM stages WHERE state = 'done'"):
            digests = dict(re.findall(r'"([^"]+)": "([0-9a-f]{64})"', files))
            found = checksums(batches.out / name, stage)
            assert digests.items() <= found.items(), (name, stage)
    assert not status(batches.out).is_running

    code, told = batches.run(FASTA)
    assert code == 0 and len(told.ends) == 12 - done and len(told.states) == 12 - done
    assert {name: folder.is_dir() for name in TARGETS if (folder := batches.out / name)} == dict.fromkeys(TARGETS, True)
    assert sum(batches.attempts.values()) <= 13  # only what was in hand was done again
    rows = batches.summary["targets"]
    assert [row["name"] for row in rows] == list(TARGETS) and {row["status"] for row in rows} == {"done"}
    states = batches.rows("SELECT DISTINCT state FROM stages")
    assert states == [("done",)] and len(batches.rows("SELECT * FROM stages")) == 12 * (len(STAGES) - 1)
    assert not [path for path in batches.out.rglob(".*") if path.is_file()], "temporary files are left"
    fresh = type(batches)(batches.out.parent / "undisturbed")
    fresh.out.parent.mkdir()
    if whole_group:
        fresh.run(FASTA)
        assert all(content(fresh.out / name) == content(batches.out / name) for name in TARGETS)
