"""`distill` on the command line, and what `train` makes of it."""

import json

import numpy as np
import pytest

from alphafold_lite.cli.main import run
from alphafold_lite.common.errors import EXIT_INPUT, EXIT_OK
from tests.alphafold_lite.cli.conftest import ALONE, Outcome
from tests.support.training_runs import SMALL_RUN, write_sets

UNTRAINED = ["--params", "random:0", "--num-recycles", "0", "--device", "cpu"]
FASTA = ">a\nMQIFVKTLTGKTITLEV\n>short\nMQIFV\n"


@pytest.fixture
def distill(tmp_path, home, capfd):
    def command(fasta, *options):
        (tmp_path / "seq.fa").write_text(fasta)
        where = ["--fasta", tmp_path / "seq.fa", "--out-dir", tmp_path / "out", "--min-length", 8]
        capfd.readouterr()
        arguments = ["distill", *where, *UNTRAINED, *ALONE, *options]
        return Outcome(run([str(argument) for argument in arguments]), capfd.readouterr())

    return command


def test_a_set_that_train_takes(distill, tmp_path, capfd):
    low = ("--confidence", "plddt", "--threshold", 1, "--quiet")
    done = distill(FASTA, *low)
    assert done.code == EXIT_OK
    assert done.out.splitlines()[-1] == (
        f"1 of 2 sequences kept (1 predicted): train --distilled {tmp_path / 'out'}; see {tmp_path / 'out' / 'summary.csv'}"
    )
    again = distill(FASTA, *low, "--json")
    assert [json.loads(line) for line in again.out.splitlines()] == [
        {"sequences": 2, "predicted": 1, "kept": 1, "set": str(tmp_path / "out" / "distilled.npz")}
    ]

    first, second = write_sets(tmp_path)
    fixed = ["train", "--out-dir", str(tmp_path / "run"), "--device", "cpu", "--quiet"]
    small = [part for change in SMALL_RUN for part in ("--set", change)]
    data = ["--data", str(first), "--data", str(second), "--distilled", str(tmp_path / "out")]
    assert run([*fixed, *data, *small, "--preset", "tiny", "--steps", "2"]) == EXIT_OK
    record = json.loads((tmp_path / "run" / "config.json").read_text())
    assert len(record["sources"]["data"]) == 3
    assert record["config"]["data"]["shares"] == pytest.approx([0.125, 0.125, 0.75])
    assert run([*fixed, "--resume", "--steps", "3"]) == EXIT_OK
    assert json.loads((tmp_path / "run" / "config.json").read_text())["sources"] == record["sources"]
    capfd.readouterr()
    assert run([*fixed, "--resume", "--distilled", str(tmp_path / "out")]) == EXIT_INPUT
    assert "the run keeps its own" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--confidence", "ptm"), "'distogram'"),
        (("--threshold", "0"), "--threshold"),
        (("--min-confident-share", "2"), "--min-confident-share"),
        (("--max-length", "7"), "--max-length"),
        (("--min-depth", "0"), "--min-depth"),
        (("--models", "all"), "one model"),
        (("--min-length", "100"), "sequences of 100 to 1024 residues"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(distill, tmp_path, options, word):
    done = distill(FASTA, *options)
    assert done.code == EXIT_INPUT and word in done.error
    assert not (tmp_path / "out").exists()


def test_nothing_kept_is_said(distill, tmp_path):
    done = distill(FASTA, "--confidence", "plddt", "--threshold", 99)
    assert done.code == 3 and "no set" in done.out and "nothing is kept" in done.err
    assert not (tmp_path / "out" / "distilled.npz").exists()


def test_train_without_such_a_set(tmp_path, capfd):
    first, _ = write_sets(tmp_path)
    np.savez(tmp_path / "distilled.npz", other=np.ones(3))
    fixed = ["train", "--out-dir", str(tmp_path / "run"), "--device", "cpu", "--preset", "tiny", "--data", str(first)]
    for distilled, word in ((tmp_path / "none", "no "), (tmp_path, "packed set"), (first, "without weights")):
        assert run([*fixed, "--distilled", str(distilled)]) == EXIT_INPUT
        assert word in capfd.readouterr().err
    assert not (tmp_path / "run").exists()
