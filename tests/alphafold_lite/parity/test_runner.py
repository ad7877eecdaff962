import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from alphafold_lite.common.errors import InputError
from alphafold_lite.parity import runner
from alphafold_lite.parity.produced import Context, Produced
from alphafold_lite.parity.registry import kind_of
from tests.support.reference import REFERENCE

CONTEXT = Context(dtype=torch.float64, device=torch.device("cpu"))
ROOT = Path(__file__).resolve().parents[3]


def _rule(tolerance=1e-3, mask=None, kind="real"):
    return {"kind": kind, "mask": mask, "float64": tolerance, "float32": 10 * tolerance}


def _folder(root, name="case", *, json_exact=()):
    folder = root / name
    folder.mkdir(parents=True)
    np.savez(folder / "values.npz", **{"in:x": np.arange(3.0), "out:double": 2 * np.arange(3.0), "out:square": np.arange(3.0) ** 2})  # fmt: skip
    np.savez(folder / "masks.npz", residue=np.array([1, 1, 0]))
    files = {"values.npz": {"out:double": _rule(), "out:square": _rule(mask="residue")}}
    (folder / "tolerances.json").write_text(json.dumps({"files": files, "json_exact": list(json_exact)}))
    for file in json_exact:
        (folder / file).write_text(json.dumps({"n": 3}))
    return folder


def _good(folder, context):
    x = np.load(folder / "values.npz", allow_pickle=False)["in:x"]
    yield Produced("values.npz", "out:double", 2 * x)
    yield Produced("values.npz", "out:square", np.array([0.0, 1.0, np.nan]))
    yield Produced("values.npz", "out:something nobody asked for", x)


def _run(folder, producer=None, dtype="float64", root=None):
    case = next(case for case in runner.find_cases(root or folder.parent, dtype) if case.folder == folder)
    return {
        result.name: result
        for result in runner.run_case(case, CONTEXT, {} if producer is None else {case.kind: producer})
    }


def test_every_recorded_array_is_reported_once_and_nothing_else(tmp_path):
    results = _run(_folder(tmp_path), _good)
    assert list(results) == ["out:double", "out:square"]
    assert all(result.ok and result.case == "case" and result.file == "values.npz" for result in results.values())


def test_arrays_that_no_one_computes_are_not_ok(tmp_path):
    folder = _folder(tmp_path, json_exact=["summary.json"])
    results = _run(folder)
    assert len(results) == 3
    assert not any(result.ok for result in results.values())
    assert all(result.max_difference is None and result.note == "not covered" for result in results.values())

    def half(folder, context):
        yield next(_good(folder, context))

    results = _run(folder, half)
    assert results["out:double"].ok and not results["out:square"].ok


def test_a_producer_that_raises_fails_the_rest_of_its_case(tmp_path, capsys):
    def broken(folder, context):
        yield next(_good(folder, context))
        raise ZeroDivisionError("by chance")

    results = _run(_folder(tmp_path), broken)
    assert results["out:double"].ok and not results["out:square"].ok
    assert "ZeroDivisionError: by chance" in results["out:square"].note
    assert "by chance" in capsys.readouterr().err


def test_other_cases_go_on_after_a_failure(tmp_path, monkeypatch, capsys):
    for name in ("b", "a"):
        _folder(tmp_path, name)

    def picky(folder, context):
        if folder.name == "a":
            raise RuntimeError("not this one")
        yield from _good(folder, context)

    monkeypatch.setitem(runner.PRODUCERS, "unknown", picky)
    outcome = {case.name: all(result.ok for result in results) for case, results, _ in runner.run(tmp_path, CONTEXT)}
    assert outcome == {"a": False, "b": True}
    assert "not this one" in capsys.readouterr().err


def test_json_files_are_compared_as_arrays_of_their_name(tmp_path):
    folder = _folder(tmp_path, json_exact=["summary.json"])
    for content, agrees in (({"n": 3}, True), ({"n": 4}, False)):
        results = _run(folder, lambda *_, content=content: iter([Produced("summary.json", "summary.json", content)]))
        assert results["summary.json"].ok is agrees
        assert results["summary.json"].tolerance == 0


def test_tolerance_of_the_chosen_type(tmp_path):
    folder = _folder(tmp_path)

    def rough(folder, context):
        yield Produced("values.npz", "out:double", np.array([0.0, 2.0, 4.005]))

    assert not _run(folder, rough)["out:double"].ok
    assert _run(folder, rough, dtype="float32")["out:double"].ok


def test_files_that_are_not_there_are_not_recorded(tmp_path):
    folder = _folder(tmp_path)
    content = json.loads((folder / "tolerances.json").read_text())
    content["files"]["absent.npz"] = {"out:y": _rule()}
    content["json_exact"] = ["absent.json"]
    content["files"]["values.npz"]["out:cube"] = _rule()
    (folder / "tolerances.json").write_text(json.dumps(content))

    def more(folder, context):
        yield from _good(folder, context)
        yield Produced("values.npz", "out:cube", np.zeros(3))

    results = _run(folder, more)
    assert list(results) == ["out:double", "out:square", "out:cube"]
    assert not results["out:cube"].ok and "not recorded" in results["out:cube"].note


def test_cases_are_found_at_any_depth_and_at_the_root(tmp_path):
    _folder(tmp_path, "deep/er/one")
    _folder(tmp_path, "two")
    assert [case.name for case in runner.find_cases(tmp_path, "float64")] == ["deep/er/one", "two"]
    assert [case.name for case in runner.find_cases(tmp_path / "two", "float64")] == ["two"]


def test_parts_are_chosen_by_name_folder_or_kind(tmp_path):
    _folder(tmp_path, "deep/one")
    _folder(tmp_path, "two")
    (tmp_path / "two/config.json").write_text("{}")
    cases = runner.find_cases(tmp_path, "float64")

    def chosen(*only):
        return [case.name for case in runner.select_cases(cases, only)]

    assert chosen() == ["deep/one", "two"]
    assert chosen("one") == chosen("deep/one") == chosen("deep/one/") == ["deep/one"]
    assert chosen("modules") == ["two"]
    assert chosen("two", "unknown") == ["deep/one", "two"]
    with pytest.raises(InputError, match="three"):
        chosen("two", "three")


def test_kind_is_read_from_the_content(tmp_path):
    for file in ("full_model_inputs.npz", "tiny_params.npz", "config.json"):
        (tmp_path / file).touch()
    assert kind_of(tmp_path, {"full_model_outputs.npz"}) == "models"
    (tmp_path / "tiny_params.npz").unlink()
    assert kind_of(tmp_path, {"full_model_outputs.npz"}) == "official_size"
    (tmp_path / "full_model_inputs.npz").unlink()
    assert kind_of(tmp_path, {"triangle.npz"}) == "modules"
    assert kind_of(tmp_path, {"losses_outputs.npz"}) == "losses"
    assert kind_of(tmp_path, {"any_violations.npz"}) == "relax"
    (tmp_path / "config.json").unlink()
    assert kind_of(tmp_path, {"triangle.npz"}) == "unknown"


def test_kinds_of_the_reference_set():
    kinds = {case.name: case.kind for case in runner.find_cases(REFERENCE, "float64")}
    same = ("confidence", "features", "losses", "modules", "relax", "templates")
    assert {name: kinds[name] for name in same} == {name: name for name in same}
    assert kinds["model_3"] == "models" and kinds["official_size_model_1_ptm"] == "official_size"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_recorded_folders_under_other_names_agree(tmp_path, dtype, capsys):
    for name, other in (("confidence", "scores"), ("relax", "nested/structures")):
        shutil.copytree(REFERENCE / name, tmp_path / other)
    assert runner.main([str(tmp_path), "--json", "--dtype", dtype]) == 0
    arrays = json.loads(capsys.readouterr().out)["arrays"]
    assert {entry["case"] for entry in arrays} == {"scores", "nested/structures"}
    assert len(arrays) == 51
    assert all(set(entry) == {"case", "file", "name", "max_difference", "tolerance", "ok"} for entry in arrays)
    assert sum(entry["file"] == entry["name"] == "violations_summary.json" for entry in arrays) == 1


def test_a_wrong_recording_is_noticed(tmp_path, capsys):
    shutil.copytree(REFERENCE / "confidence", tmp_path / "confidence")
    with np.load(tmp_path / "confidence/confidence.npz", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays["out:ptm"] = arrays["out:ptm"] + np.float32(1e-5)
    np.savez(tmp_path / "confidence/confidence.npz", **arrays)
    assert runner.main([str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert "5 of 6" in shown and "out:ptm: difference 1e-05" in shown and "out:iptm" not in shown


def test_json_has_null_where_there_is_no_difference(tmp_path, capsys):
    _folder(tmp_path)
    assert runner.main([str(tmp_path), "--json"]) == 1
    arrays = json.loads(capsys.readouterr().out)["arrays"]
    assert [entry["max_difference"] for entry in arrays] == [None, None]
    assert runner.main([str(tmp_path)]) == 1
    assert "case values.npz: 2 not covered" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--only", "nonsense"], []])
def test_nothing_to_compare_is_a_usage_error(tmp_path, arguments, capsys):
    if arguments:
        _folder(tmp_path)
    assert runner.main([str(tmp_path), *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_products_are_true_float32_inside_and_settings_come_back(tmp_path):
    seen = []
    folder = _folder(tmp_path)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        _run(
            folder, lambda *_: seen.append((torch.get_float32_matmul_precision(), torch.is_grad_enabled())) or iter(())
        )
        assert seen == [("highest", False)]
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_a_device_that_is_not_there_is_exit_4(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert runner.main([str(REFERENCE), "--only", "confidence", "--device", "cuda"]) == 4
    assert "CUDA" in capsys.readouterr().err


@pytest.mark.gpu
def test_recorded_scores_on_cuda_in_float32(capsys):
    arguments = [str(REFERENCE), "--only", "confidence", "relax", "modules", "--dtype", "float32", "--device", "cuda"]
    assert runner.main(arguments) == 0, capsys.readouterr().out


def test_the_script_runs_from_anywhere(tmp_path):
    script = ROOT / "scripts/check_reference.py"
    done = subprocess.run(
        [sys.executable, script, REFERENCE, "--only", "confidence"], cwd=tmp_path, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "6 of 6" in done.stdout
