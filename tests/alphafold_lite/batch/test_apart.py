"""Search and fold apart: together they leave what a batch leaves."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from alphafold_lite.batch.apart import search_from_text, search_to_text
from alphafold_lite.batch.status import status
from alphafold_lite.common.errors import InputError
from data_pipeline.config import SearchConfig
from data_pipeline.templates.selection import TemplateConfig
from tests.support.batches import ALONE, UNTRAINED, Batches

TEXT = ">one a\nMQIFVKTLTG\n>two\nKTITLEVEPSDTIE\n>bad\nM1K\n>copy of one\nmqifvktltg\n"
TIMED = ("timings.json", "search.json")  # the one holds times, the other is only of a search apart


def content(folder):
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name not in TIMED)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """An output folder with searches, and what was told of them."""
    batches = Batches(tmp_path_factory.mktemp("apart"))
    return batches, batches.run(TEXT, part="search")


def test_a_search_needs_no_parameters_and_is_folded_elsewhere_to_the_same_files(searched, tmp_path):
    batches, (code, told) = searched
    assert code == 3 and told.states == {"bad": "failed", "two": "done", "one": "done", "copy": "done"}
    rows = {row["name"]: row for row in batches.summary["targets"]}
    assert rows["one"]["status"] == rows["copy"]["status"] == "searched" and rows["copy"]["msa_depth"] == 1
    assert batches.summary["counts"]["searched"] == 3
    assert status(batches.out).targets["searched"] == 3 and set(status(batches.out).stages) == {"search", "features"}
    assert not list(batches.out.rglob("run.json"))
    stamps = {path.parent.name: path.stat().st_mtime_ns for path in batches.out.rglob("features.npz")}
    assert batches.run(TEXT, part="search")[1].states == {"bad": "failed"}  # a second time there is nothing to do

    batches.out = batches.out.rename(tmp_path / "elsewhere")
    code, told = batches.run("", part="fold", search=SearchConfig())
    assert code == 3 and told.states == {"two": "done", "one": "done", "copy": "done"}
    for name in ("one", "two"):
        assert (batches.out / name / "features.npz").stat().st_mtime_ns == stamps[name]
    assert {row["name"]: row["status"] for row in batches.summary["targets"]} == {
        "one": "done", "two": "done", "bad": "failed", "copy": "done",
    }  # fmt: skip
    whole = Batches(tmp_path)
    assert whole.run(TEXT)[0] == 3
    for name in ("one", "two", "copy"):
        assert content(batches.out / name) == content(whole.out / name)

    assert batches.run(TEXT)[1].states == {"bad": "failed"}  # a batch with the same settings has nothing to add
    more = TEXT + ">four\nEVEPS\n"
    assert batches.run(more, part="search")[1].states == {"bad": "failed", "four": "done"}
    code, told = batches.run("", part="fold")
    assert code == 3 and told.states == {"four": "done"} and batches.attempts["one"] == 1


def test_what_is_not_searched_or_damaged_is_left_and_said(batches, caplog):
    text = ">one\nMQIFVKTLTG\n>two\nKTITLEVEPS\n"
    assert batches.run(text, part="search", only=("one",))[0] == 0
    code, told = batches.run(text, part="fold")
    assert code == 3 and told.states == {"one": "done"}
    assert batches.run(text, part="search")[1].states == {"two": "done"}
    (batches.out / "two" / "features.npz").write_bytes(b"damaged")
    code, told = batches.run(text, part="fold")
    assert (
        code == 3
        and told.ends == []
        and "searched again" in caplog.text
        and "1 targets are not searched" in caplog.text
    )
    assert batches.run(text, part="search")[1].states == {"two": "done"}
    assert batches.run(text, part="fold")[1].states == {"two": "done"}


def test_other_parameters_fold_the_same_searches_again(batches):
    text = ">one\nMQIFVKTLTG\n"
    batches.run(text, part="search")
    assert batches.run(text, part="fold", prediction=replace(UNTRAINED, num_seeds=2))[0] == 0
    with pytest.raises(InputError, match="--overwrite"):
        batches.run(text, part="fold")
    features = (batches.out / "one" / "features.npz").stat().st_mtime_ns
    assert batches.run(text, part="fold", overwrite=True)[0] == 0
    assert not (batches.out / "one" / "ranked_1.pdb").exists()
    assert (batches.out / "one" / "features.npz").stat().st_mtime_ns == features
    assert json.loads((batches.out / "one" / "run.json").read_text())["seeds"] == [0]


def test_a_batch_goes_on_from_searches_and_makes_those_anew_that_are_damaged(batches):
    text = ">one\nMQIFVKTLTG\n>two\nKTITLEVEPS\n"
    batches.run(text, part="search")
    (batches.out / "two" / "features.npz").write_bytes(b"damaged")
    stamp = (batches.out / "one" / "features.npz").stat().st_mtime_ns
    assert batches.run(text)[0] == 0
    assert (batches.out / "one" / "features.npz").stat().st_mtime_ns == stamp
    assert (batches.out / "one" / "search.json").exists() and not (batches.out / "two" / "search.json").exists()
    assert batches.run(text)[1].ends == []


def test_folding_without_searches_is_refused_and_makes_nothing(batches):
    with pytest.raises(InputError, match="alphafold-lite search"):
        batches.run("", part="fold")
    assert not batches.out.exists()


def test_another_search_is_refused_unless_it_overwrites(batches):
    text = ">one\nMQIFVKTLTG\n"
    batches.run(text, part="search")
    other = replace(ALONE, server_contact="you@example.org")
    with pytest.raises(InputError, match="--overwrite"):
        batches.run(text, part="search", search=other)
    assert batches.run(text, part="search", search=other, overwrite=True)[1].states == {"one": "done"}
    assert batches.run(">other\nMQIFVKTLTG\n", part="search")[0] == 0  # no target of these has other results


@pytest.mark.parametrize("search", [
    SearchConfig(), ALONE,
    SearchConfig(msa_modes=("embedded", "jackhmmer"), databases=("a:b",), data_dir=Path("d"), library=Path("l"), templates="pdb70",
                 template_files=(Path("x.cif"),), selection=TemplateConfig(max_date=date(2020, 5, 14), allow_undated=True)),
])  # fmt: skip
def test_search_settings_through_the_journal(search):
    assert search_from_text(search_to_text(search)) == search
    assert search_from_text(search_to_text(replace(search, threads=3, use_cache=False))) == search


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"selection": 3}'])
def test_settings_that_are_none(text):
    with pytest.raises(InputError, match="search again"):
        search_from_text(text)
