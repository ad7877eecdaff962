"""`batch` and `status` on the command line."""

import json

import pytest

from alphafold_lite.batch.progress import Standing
from alphafold_lite.cli.batch_progress import duration, standing_text
from alphafold_lite.cli.main import run
from tests.alphafold_lite.cli.conftest import ALONE, UNTRAINED, Outcome


@pytest.fixture
def call(tmp_path, home, capfd):
    """Run a command of `alphafold-lite`."""

    def command(*arguments):
        capfd.readouterr()
        return Outcome(run([str(argument) for argument in arguments]), capfd.readouterr())

    return command


@pytest.fixture
def batch(tmp_path, call):
    def command(fasta, *options):
        (tmp_path / "seq.fa").write_text(fasta)
        where = ["--fasta", tmp_path / "seq.fa", "--out-dir", tmp_path / "out"]
        return call("batch", *where, *UNTRAINED, *ALONE, *options)

    return command


def test_a_line_a_target_and_its_standing(batch, call, tmp_path):
    done = batch(">one\nMQIFVKTLTG\n>bad\nM1\n")
    assert done.code == 3 and len(done.out.splitlines()) == 2
    assert done.out.splitlines()[0].startswith("bad: failed: expected only residue letters")
    assert "one: UNTRAINED" in done.out and "ranked_0.pdb" in done.out
    assert "1 of 2 targets done, 1 failed, 1 in this run" in done.err
    assert f"see {tmp_path / 'out' / 'summary.csv'}" in done.err
    shown = call("status", tmp_path / "out")
    assert shown.code == 0 and "1 of 2 targets done, 1 failed" in shown.out and "bad: expected" in shown.out
    found = json.loads(call("status", tmp_path / "out", "--json").out)
    assert found["targets"] == {"done": 1, "failed": 1, "active": 0, "pending": 0} and not found["running"]
    assert found["stages"]["fold"] == {"done": 1} and found["failures"][0]["name"] == "bad"

    again = batch(">one\nMQIFVKTLTG\n>two\nKTITL\n", "--json", "--quiet")
    assert again.code == 0 and [json.loads(line)["name"] for line in again.out.splitlines()] == ["two"]
    assert "2 of 2 targets done; see" in batch(">one\nMQIFVKTLTG\n>two\nKTITL\n").err


@pytest.mark.parametrize(("options", "message"), [
    (("--only", ","), "--only"), (("--search-workers", "0"), "--search-workers"), (("--time-limit", "0"), "--time-limit"),
])  # fmt: skip
def test_options_out_of_range(batch, tmp_path, options, message):
    done = batch(">one\nMQIFVKTLTG\n", *options)
    assert done.code == 2 and message in done.error and not (tmp_path / "out").exists()


def test_parameters_that_are_not_there(call, tmp_path):
    (tmp_path / "seq.fa").write_text(">one\nMQIFV\n")
    where = ["--fasta", tmp_path / "seq.fa", "--out-dir", tmp_path / "out"]
    done = call("batch", *where, "--params", tmp_path / "none.npz")
    assert done.code in (2, 4) and "none.npz" in done.error


def test_the_standing_of_no_batch(call, tmp_path):
    assert "no journal" in call("status", tmp_path).error


def test_standing_in_words():
    standing = Standing(
        total=100, done=9, failed=1, at_work={"search": 1, "fold": 1, "relax": 0}, ended_here=10, seconds=60.0
    )
    assert standing_text(standing) == "1 failed, search 1, fold 1, 10.0 a minute, 00:09:00 left"
    assert duration(200_000) == "2 d 07:33:20"
