"""What the README tells people to type is run here, as far as it is quick."""

import re
import runpy
import shlex
import shutil
from pathlib import Path

import pytest
import typer

from alphafold_lite.cli.main import app, predict_app, run
from alphafold_lite.weights import locations

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
SHELL = [line for language, block in BLOCKS if language == "" for line in block.splitlines()]
PREDICT = [line for line in SHELL if line.startswith("predict ")]


@pytest.fixture
def in_a_folder(tmp_path, monkeypatch):
    """A working folder like a checkout, without parameters of the user's."""
    shutil.copytree(ROOT / "scripts" / "examples", tmp_path / "scripts" / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ALPHAFOLD_LITE_PARAMS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    return tmp_path


def test_the_two_commands_are_on_the_first_screen():
    assert "make predict FASTA=scripts/examples/ubiquitin.fa" in README.splitlines()[:10]
    assert "make test" in README.splitlines()[:10]


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = {
        word for text in (README, (ROOT / "CONTRIBUTING.md").read_text()) for word in re.findall(r"make ([a-z]+)", text)
    }
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert {"predict", "test", "check", "format", "venv"} <= targets
    assert (named - {"no"}) & targets == named - {"no"}


def test_continuous_integration_runs_the_test_command():
    script = ROOT / ".ci" / "run"
    assert "set -euo pipefail" in script.read_text()
    assert script.read_text().rstrip().splitlines()[-1] == "make test"
    assert script.stat().st_mode & 0o111


def test_predict_commands_use_real_options():
    known = {name for parameter in typer.main.get_command(predict_app).params for name in parameter.opts}
    assert len(PREDICT) >= 3
    for line in PREDICT:
        assert {word for word in shlex.split(line) if word.startswith("--")} <= known | {"--help"}


def test_other_commands_are_there_with_the_options_named():
    commands = typer.main.get_command(app).commands
    lines = [shlex.split(line, comments=True)[1:] for line in SHELL if line.startswith("alphafold-lite ")]
    assert len(lines) >= 8
    for name, *rest in lines:
        command = commands[name]
        command = getattr(command, "commands", {}).get(rest[0] if rest else "", command)
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known, (name, rest)


def test_the_command_without_parameters_runs(in_a_folder, capsys):
    (line,) = [line for line in PREDICT if "random:0" in line]
    assert run(shlex.split(line)) == 0
    assert (in_a_folder / "predictions" / "ubiquitin" / "ranked_0.pdb").is_file()
    assert "UNTRAINED" in capsys.readouterr().out


def test_other_commands_ask_for_parameters_as_the_readme_describes(in_a_folder, capsys):
    (line,) = [line for line in PREDICT if "--models all" in line]
    assert run(shlex.split(line)) == 4
    message = capsys.readouterr().err
    (fetch,) = [line for line in SHELL if line.startswith("curl")]
    assert locations.ARCHIVE_URL in fetch and locations.ARCHIVE_URL in message
    assert ".local/share/alphafold_lite/params" in fetch
    assert message.count("\n") == 1


def test_python_example(in_a_folder, capsys):
    (code,) = [block for language, block in BLOCKS if language == "python"]
    (in_a_folder / "example.py").write_text(code)
    runpy.run_path(str(in_a_folder / "example.py"))
    assert (in_a_folder / "out.pdb").read_text().startswith("REMARK")
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_exit_codes_are_those_of_the_code():
    from alphafold_lite.common import errors

    listed = {int(code) for code in re.findall(r"^\| (\d+) \| ", README, re.MULTILINE)}
    assert listed == {value for name, value in vars(errors).items() if name.startswith("EXIT_")}


def test_the_example_is_ubiquitin():
    from data_pipeline.parsers.fasta import read_fasta

    (record,) = read_fasta(ROOT / "scripts" / "examples" / "ubiquitin.fa").records
    assert record.name == "ubiquitin" and len(record.sequence) == 76
