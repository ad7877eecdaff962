"""`library build` and `library info` on the command line."""

import json

import pytest

from alphafold_lite.cli.main import run
from alphafold_lite.common.errors import EXIT_INPUT, EXIT_OK
from tests.support.synthetic_backbones import backbone, pdb_text, sequence


@pytest.fixture
def call(capfd):
    def run_library(*arguments):
        capfd.readouterr()
        code = run(["library", *map(str, arguments)])
        return code, capfd.readouterr()

    return run_library


@pytest.fixture
def structures(tmp_path):
    folder = tmp_path / "structures"
    folder.mkdir()
    (folder / "1abc.pdb").write_text(pdb_text([("A", sequence(1, 40), backbone(1, 40))]))
    (folder / "broken.cif").write_text("data_\n")
    return folder


def test_build_and_info(call, structures, tmp_path):
    (tmp_path / "seq.fa").write_text(">one\nMKV\n")
    out = tmp_path / "lib"
    code, shown = call("build", "--structures", structures, "--sequences", tmp_path / "seq.fa", "--out", out)
    assert code == EXIT_OK
    assert shown.out == f"{out}: 1 chains, 2 sequences, 1 left out\n"
    assert "warning: left out broken.cif: " in shown.err
    code, shown = call("info", out)
    assert code == EXIT_OK
    assert "chains                1 (40 residues, 0 chains stored uncoded)" in shown.out
    assert "2015-03-04" in shown.out
    code, shown = call("info", out, "--json")
    assert json.loads(shown.out)["num_sequences"] == 2
    code, shown = call("build", "--structures", structures, "--out", out)
    assert code == EXIT_INPUT and shown.err.startswith("error: expected a new folder")


def test_info_of_the_embedded_library(call):
    code, shown = call("info")
    assert code == EXIT_OK
    assert "embedded" in shown.out and "13250" in shown.out and "13250 chains without a date" in shown.out


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("build", "--out", "lib"), "found neither"),
        (("build", "--structures", "absent"), "--out"),
        (("info", "absent"), "a library folder"),
    ],
)
def test_mistakes_are_one_line(call, arguments, found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, shown = call(*arguments)
    assert code == EXIT_INPUT
    assert found in shown.err and shown.err.count("\n") == 1


def test_a_damaged_library(call, structures, tmp_path):
    call("build", "--structures", structures, "--out", tmp_path / "lib")
    (tmp_path / "lib" / "backbones.xz").write_bytes(b"")
    code, shown = call("info", tmp_path / "lib")
    assert code == EXIT_INPUT and "backbones.xz" in shown.err
