"""`estimate` and `batch --dry-run` on the command line."""

import json

import pytest
import torch

from alphafold_lite.cli.estimate import _memory, _time
from alphafold_lite.cli.main import run
from alphafold_lite.predict import measuring
from alphafold_lite.predict.calibration import Calibration, Circumstances, store, stored
from alphafold_lite.predict.device import Placement
from alphafold_lite.predict.forecast import Load, Point
from alphafold_lite.presets import model_config
from tests.alphafold_lite.cli.conftest import ALONE, Outcome

FASTA = f">one\nMQIFVKTLTG\n>two\nMQIFVKTLTG\n>bad\nM1\n>huge\n{'MQIFVKTLTG' * 20_000}\n>three\nKTITLEVE\n"
HERE = Circumstances.of(model_config("tiny"), Placement(device=torch.device("cpu"), precision="fp32"))
PLANTED = Calibration(
    points=tuple(
        Point(load=Load(num_res=n, passes=p), seconds=p * n / 10, peak_bytes=2**28 + 5000 * n**2)
        for n in (32, 64, 128)
        for p in (1, 2)
    ),
    base_bytes=2**28,
)
UNTRAINED = ["--params", "random:0", "--device", "cpu"]


@pytest.fixture
def call(tmp_path, home, capfd, monkeypatch):
    """Run a command of `alphafold-lite` on FASTA text, on a device that has been measured."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    store(HERE, PLANTED)

    def command(name, fasta, *options):
        (tmp_path / "seq.fa").write_text(fasta)
        capfd.readouterr()
        arguments = [name, "--fasta", tmp_path / "seq.fa", *UNTRAINED, *ALONE, *options]
        return Outcome(run([str(argument) for argument in arguments]), capfd.readouterr())

    return command


def test_a_device_is_measured_once_or_when_asked_for(call, monkeypatch):
    HERE.path.unlink()
    monkeypatch.setattr(measuring, "LENGTHS", (8,))
    monkeypatch.setattr(measuring, "REPEATS", 1)
    first, again = call("estimate", ">one\nMQIFVKTLTG\n"), call("estimate", ">one\nMQIFVKTLTG\n")
    assert "measuring" in first.err and "measuring" not in again.err
    assert first.out.splitlines()[:2] == again.out.splitlines()[:2] and again.code == 0
    monkeypatch.setattr(measuring, "measure", lambda *arguments, **keywords: PLANTED)
    assert "measuring" in call("estimate", ">one\nMQIFVKTLTG\n", "--recalibrate").err and stored(HERE) == PLANTED


def test_a_table_a_total_and_what_it_leaves_out(call):
    done = call("estimate", FASTA)
    assert done.code == 3
    head, one, two, bad, huge, three, total, scope = done.out.splitlines()
    assert head.split() == ["name", "residues", "time", "at", "most", "memory", "fits"]
    assert one.split()[:2] == ["one", "10"] and one.endswith("GiB  yes") and three.endswith("yes")
    assert two.endswith("folded once") and "unusable: expected only residue letters" in bad
    assert "NO: expected at most" in huge
    assert total.startswith("2 to fold: ") and "1 cannot fit; 1 unusable; 1 the same as another" in total
    assert "fold only" in scope and "queries alone" in scope


def test_json_has_an_object_a_target_and_the_total_last(call):
    done = call("estimate", FASTA, "--json", "--quiet")
    *targets, total = [json.loads(line) for line in done.out.splitlines()]
    assert [(target["name"], target["state"]) for target in targets] == [
        ("one", "fits"), ("two", "same"), ("bad", "unusable"), ("huge", "cannot fit"), ("three", "fits"),
    ]  # fmt: skip
    assert targets[0]["seconds"] > 0 and targets[0]["peak_bytes"] > 2**27 and targets[3]["seconds"] is None
    total = total["total"]
    assert total["targets"]["fits"] == 2 and total["counted"] == "fold only"
    assert total["seconds"] == pytest.approx(targets[0]["seconds"] + targets[4]["seconds"], abs=0.02)
    assert not done.err


def test_more_passes_and_seeds_take_longer(call):
    def seconds(*options):
        done = call("estimate", f">one\n{'MQIFVKTLTG' * 5}\n", "--json", *options)
        return json.loads(done.out.splitlines()[-1])["total"]["seconds"]

    once = seconds("--num-recycles", "0")
    assert seconds("--num-recycles", "9") > 2 * once
    assert seconds("--num-recycles", "0", "--num-seeds", "3") == pytest.approx(3 * once, rel=0.01, abs=0.02)


def test_a_dry_run_writes_nothing_and_leaves_out_what_is_done(call, tmp_path):
    where = ["--out-dir", tmp_path / "out", "--relax", "none", "--num-recycles", "0"]
    text = ">one\nMQIFVKTLTG\n>three\nKTITLEVE\n"
    dry = call("batch", text, "--dry-run", *where)
    assert dry.code == 0 and dry.out.splitlines()[3].startswith("2 to fold") and not (tmp_path / "out").exists()
    assert call("batch", text, "--only", "one", *where).code == 0
    after = call("batch", text, "--dry-run", *where)
    assert after.out.splitlines()[1].endswith("done") and "1 to fold" in after.out and "1 done already" in after.out
    only = call("batch", text, "--dry-run", "--only", "three", *where)
    assert len(only.out.splitlines()) == 4 and only.out.splitlines()[1].startswith("three")


def test_errors_are_one_line(call, tmp_path):
    assert "residue letters" in call("estimate", ">bad\nM1\n").error
    assert "no-such" in call("estimate", ">one\nMQIFV\n", "--params", tmp_path / "no-such.npz").error


def test_times_and_sizes_in_words():
    assert (_time(12.34), _time(3723.0), _memory(2**30)) == ("12.3 s", "01:02:03", "1.00 GiB")
