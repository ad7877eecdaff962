import json

import pytest
import typer
from typer.testing import CliRunner

from alphafold_lite.cli.evaluate import evaluate
from alphafold_lite.common.errors import EXIT_OK, EXIT_SOME_FAILED, InputError, MissingResourceError, TargetError
from alphafold_lite.evaluate import plots
from alphafold_lite.evaluate.run import Evaluation
from tests.support.packed_sets import backbone_arrays, write


@pytest.fixture
def run(tmp_path):
    """Call the command on a small set; the result has exit_code, stdout and exception."""
    app = typer.Typer()
    app.command()(evaluate)
    dataset = write(tmp_path / "backbone.npz", backbone_arrays())
    common = ["--params", "random:0", "--num-recycles", "0", "--device", "cpu", "--quiet"]
    return lambda *more: CliRunner().invoke(app, ["--dataset", str(dataset), *common, *map(str, more)])


def test_lines_table_json_and_plot(run, tmp_path):
    found = run("--limit", 2, "--json", tmp_path / "out" / "e.json", "--plot", tmp_path / "e.png")
    assert found.exit_code == EXIT_OK
    lines = found.stdout.splitlines()
    assert sum("lDDT-CA" in line for line in lines) == 2
    assert any(line.startswith("lddt_ca ") for line in lines)
    assert "UNTRAINED" in found.stdout
    content = json.loads((tmp_path / "out" / "e.json").read_text())
    assert content["complete"] and len(content["chains"]) == 2
    assert (tmp_path / "e.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_left_out_needs_a_library(run):
    found = run("--leave-out", "validation")
    assert isinstance(found.exception, InputError) and "--leave-out" in str(found.exception)


def test_inputs_as_a_user_gets_them(run, tmp_path):
    found = run("--inputs", "search", "--templates", "library", "--limit", 1, "--json", tmp_path / "e.json")
    assert found.exit_code == EXIT_OK
    about = json.loads((tmp_path / "e.json").read_text())["run"]
    assert (about["inputs"], about["templates"], about["left_out"]) == ("search", "library", "self")


def test_the_best_template_as_a_baseline(run, tmp_path):
    found = run("--baseline", "template-copy", "--json", tmp_path / "copy.json")
    assert found.exit_code == EXIT_OK
    content = json.loads((tmp_path / "copy.json").read_text())
    assert content["complete"] and content["run"]["left_out"] == "self" and len(content["chains"]) == 3
    assert content["summary"]["tm"]["n"] == 3 and content["summary"]["with_template"]["mean"] == 0.0  # made-up chains
    assert "no hit" in found.stdout


def test_an_interruption_keeps_what_was_done(run, tmp_path, monkeypatch):
    whole = Evaluation.run

    def interrupted(self):
        yield next(whole(self))
        raise KeyboardInterrupt

    monkeypatch.setattr(Evaluation, "run", interrupted)
    found = run("--json", tmp_path / "e.json")
    assert found.exit_code != EXIT_OK
    assert "1AAA_A" in found.stdout
    content = json.loads((tmp_path / "e.json").read_text())
    assert not content["complete"] and [chain["id"] for chain in content["chains"]] == ["1AAA_A"]


def test_failed_chains_show_in_the_exit_code(run, monkeypatch):
    def fail(self, chain):
        raise TargetError("memory", "none", "buy some")

    monkeypatch.setattr(Evaluation, "predict", fail)
    assert run().exit_code == EXIT_SOME_FAILED


def test_files_that_cannot_be_written_are_known_before_the_first_chain(run, tmp_path):
    (tmp_path / "file").write_text("")
    found = run("--json", tmp_path / "file" / "e.json")
    assert isinstance(found.exception, InputError)
    assert "lDDT" not in found.stdout


def test_a_plot_without_matplotlib_is_refused_before_the_first_chain(run, tmp_path, monkeypatch):
    monkeypatch.setattr(plots.importlib.util, "find_spec", lambda name: None)
    found = run("--plot", tmp_path / "e.png")
    assert isinstance(found.exception, MissingResourceError)
    assert "lDDT" not in found.stdout


def test_a_dataset_that_is_not_there(run, tmp_path):
    app = typer.Typer()
    app.command()(evaluate)
    found = CliRunner().invoke(app, ["--dataset", str(tmp_path / "none.npz"), "--params", "random:0"])
    assert isinstance(found.exception, InputError)
