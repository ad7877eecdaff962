"""`--offline` opens no internet socket, in no process of a run; what would need one is refused before anything else."""

import pytest

from tests.alphafold_lite.cli.conftest import ALONE, UNTRAINED
from tests.support.no_internet import Guarded

TEXT = ">one\nMQIFVKTLTG\n>two\nKTITLEVEPS\n"


@pytest.fixture
def guarded(tmp_path, home):
    (tmp_path / "in.fa").write_text(TEXT)
    return Guarded(tmp_path)


def test_search_and_fold_and_predict_open_none(guarded, tmp_path):
    where = ["--out-dir", tmp_path / "out", "--offline"]
    searched = guarded.run("search", "--fasta", tmp_path / "in.fa", *where, *ALONE)
    assert searched.returncode == 0, searched.stderr
    folded = guarded.run("fold", *where, *UNTRAINED)
    assert folded.returncode == 0 and folded.stdout.count("ranked_0.pdb") == 2, folded.stderr
    predicted = guarded.run("predict", "--fasta", tmp_path / "in.fa", *where, *UNTRAINED, *ALONE)
    assert predicted.returncode == 0 and predicted.stdout.count("ranked_0.pdb") == 2, predicted.stderr
    assert guarded.attempts == []
    assert guarded.num_interpreters >= 6  # each command, and the process that its workers come from


CONNECTING = """
import multiprocessing, socket

def connect():
    try:
        socket.socket().connect(("127.0.0.1", 9))
    except OSError:
        pass

connect()
worker = multiprocessing.get_context("forkserver").Process(target=connect)
worker.start()
worker.join()
"""


def test_the_guard_sees_what_parent_and_workers_try(guarded, tmp_path):
    """So that the test above is known to be able to fail."""
    (tmp_path / "connecting.py").write_text(CONNECTING)
    guarded.run_code("import sys; sys.path.insert(0, '.'); import connecting", folder=tmp_path)
    assert len({line.split()[0] for line in guarded.attempts}) == 2 and "127.0.0.1" in guarded.attempts[0]


@pytest.mark.parametrize("command", ["predict", "batch", "search"])
def test_the_server_is_refused_before_anything_else(guarded, tmp_path, command):
    options = ["--offline", "--msa-mode", "embedded,server", "--out-dir", tmp_path / "out"]
    done = guarded.run(command, "--fasta", tmp_path / "none.fa", *options)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "--offline" in done.stderr and "--msa-mode server" in done.stderr
    assert not (tmp_path / "out").exists() and guarded.attempts == []


def test_a_cluster_is_refused(guarded, tmp_path):
    done = guarded.run("fold", "--offline", "--engine", "ray", "--out-dir", tmp_path / "out")
    assert done.returncode == 2 and "--engine local with --offline" in done.stderr
