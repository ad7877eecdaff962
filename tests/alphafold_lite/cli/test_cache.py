import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alphafold_lite.cli.cache import app
from alphafold_lite.cli.main import run
from alphafold_lite.common.errors import EXIT_INPUT, EXIT_OK, EXIT_SOME_FAILED
from data_pipeline.cache import SearchCache
from data_pipeline.search.base import Query
from data_pipeline.search.embedded import Phmmer
from tests.support.planted_families import SequenceExample


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    engine = Phmmer(SequenceExample(("a",), ("MKTAYIAKQRQISFVKSHFSRQ",)))
    for sequence in ("MKTAYIAKQRQISFVKSHFSRQ", "GSGSGS"):
        SearchCache(tmp_path / "s").get_or_run(engine, Query(name="q", sequence=sequence))
    return tmp_path / "s"


def _call(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_info(folder: Path) -> None:
    code, text = _call("info", "--cache-dir", str(folder))
    assert code == EXIT_OK
    assert f"{folder}: 2 searches, 0.0 MB" in text
    assert "last used between" in text


def test_info_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert _call("info", "--cache-dir", str(tmp_path / "new")) == (EXIT_OK, f"{tmp_path / 'new'}: 0 searches, 0.0 MB\n")
    assert not (tmp_path / "new").exists()


def test_info_as_json(folder: Path) -> None:
    content = json.loads(_call("info", "--cache-dir", str(folder), "--json")[1])
    assert (content["folder"], content["num_entries"]) == (str(folder), 2)


def test_verify_names_what_is_damaged(folder: Path) -> None:
    assert _call("verify", "--cache-dir", str(folder)) == (EXIT_OK, "2 searches, 0.0 MB, 0 damaged\n")
    victim = min(folder.glob("*/*.search"))
    victim.write_bytes(victim.read_bytes()[:-5])
    code, text = _call("verify", "--cache-dir", str(folder))
    assert code == EXIT_SOME_FAILED
    assert f"{victim}: its checksum does not fit" in text
    code, text = _call("verify", "--cache-dir", str(folder), "--json")
    assert (code, [fault["path"] for fault in json.loads(text)["damaged"]]) == (EXIT_SOME_FAILED, [str(victim)])


def test_prune(folder: Path) -> None:
    assert _call("prune", "--cache-dir", str(folder))[1].startswith("removed 0 searches")
    assert _call("prune", "--cache-dir", str(folder), "--older-than", "1")[1].startswith("removed 0 searches")
    assert _call("prune", "--cache-dir", str(folder), "--max-size", "0.0")[1].startswith("removed 2 searches")
    assert not list(folder.glob("*/*.search"))


def test_prune_all(folder: Path) -> None:
    assert json.loads(_call("prune", "--cache-dir", str(folder), "--all", "--json")[1])["num_entries"] == 2


@pytest.mark.parametrize("arguments", [("--older-than", "-1"), ("--max-size", "-2"), ("--all", "--max-size", "1")])
def test_prune_refuses_what_makes_no_sense(folder: Path, arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, ["prune", "--cache-dir", str(folder), *arguments])
    assert getattr(result.exception, "exit_code", None) == EXIT_INPUT
    assert len(list(folder.glob("*/*.search"))) == 2


def test_a_file_is_no_cache(tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_text("")
    assert run(["info", "--cache-dir", str(tmp_path / "file")], "cache", app=app) == EXIT_INPUT
    assert "expected a folder" in capsys.readouterr().err
