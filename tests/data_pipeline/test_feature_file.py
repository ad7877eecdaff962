"""features.npz: round trip, equal bytes, and damaged or foreign files."""

import io
import json
import zipfile
from dataclasses import fields, replace

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.common.features import Features, TemplateFeatures
from data_pipeline.feature_file import load_features, save_features
from data_pipeline.parsers.a3m import parse_a3m
from data_pipeline.pipeline import build_features


def example(*, templates: bool) -> Features:
    alignment = parse_a3m('>q\nMKTAY\n>tr|\u00e9\u86cb "quoted" | \\ name\nM-TabAY\n>h2\n-----\n')
    features = build_features("MKTAY", name="\u86cb name", msa=[alignment], residue_index=np.array([1, 2, 3, 7, 8]))
    if not templates:
        return features
    rng = np.random.default_rng(0)
    found = TemplateFeatures(
        names=("1abc_A", "2xyz_B"),
        aatype=rng.integers(0, 22, (2, 5)).astype(np.int32),
        atom_positions=rng.normal(size=(2, 5, 37, 3)).astype(np.float32),
        atom_mask=np.ones((2, 5, 37), np.float32),
        sum_probs=np.array([1.5, 0.5], np.float32),
    )
    return replace(features, templates=found)


def with_scores(**scores: list[float]) -> Features:
    features = example(templates=True)
    arrays = {name: np.array(values) for name, values in scores.items()}
    return replace(features, templates=replace(features.templates, **arrays))


def assert_equal(one: object, two: object) -> None:
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(two, field.name)
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype
        elif isinstance(a, TemplateFeatures):
            assert_equal(a, b)
        else:
            assert a == b


@pytest.mark.parametrize("templates", [False, True])
def test_round_trip(tmp_path, templates):
    features = example(templates=templates)
    save_features(features, tmp_path / "features.npz")
    assert_equal(features, load_features(tmp_path / "features.npz"))
    assert [path.name for path in tmp_path.iterdir()] == ["features.npz"]  # no temporary file stays


@pytest.mark.parametrize(
    "scores",
    [{"e_value": [1e-200, np.nan], "identity": [0.5, 1.0], "coverage": [0.1, np.nan]}, {"coverage": [0.1, 0.2]}],
)
def test_how_templates_were_found_comes_back(tmp_path, scores):
    """Each of the arrays may be absent, and NaN where a template has no such number."""
    save_features(with_scores(**scores), tmp_path / "a.npz")
    templates = load_features(tmp_path / "a.npz").templates
    for name in ("e_value", "identity", "coverage"):
        found = getattr(templates, name)
        assert (found is None) == (name not in scores)
        if found is not None:
            np.testing.assert_array_equal(found, scores[name])


def test_files_without_these_scores_hold_the_arrays_that_they_always_held(tmp_path):
    save_features(example(templates=True), tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        found = {name for name in archive.files if name.startswith("template")}
    assert found == {f"template_{name}" for name in ("aatype", "atom_positions", "atom_mask", "sum_probs")}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"template_e_value": np.ones(1)}, "template_e_value of shape"),
        ({"template_coverage": np.array([np.inf, 1.0])}, "finite numbers"),
        ({"template_identity": np.array([0, 1])}, "of type int64"),
        ({"template_sum_probs": np.full(2, np.nan)}, "finite numbers"),
    ],
)
def test_other_scores_are_errors(tmp_path, change, words):
    save_features(with_scores(e_value=[1.0, 2.0]), tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files} | change
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    refuse(tmp_path / "b.npz", stream.getvalue(), words)


def test_equal_features_give_equal_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        save_features(example(templates=True), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_every_array_loads_without_pickle(tmp_path):
    save_features(example(templates=True), tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert all(archive[name].dtype.kind in "iuf" for name in archive.files)


def refuse(path, data: bytes, words: str = "features.npz") -> None:
    path.write_bytes(data)
    with pytest.raises(InputError, match=words) as caught:
        load_features(path)
    assert "\n" not in str(caught.value)


def test_every_kind_of_truncation_is_noticed(tmp_path):
    save_features(example(templates=True), tmp_path / "a.npz")
    data = (tmp_path / "a.npz").read_bytes()
    for end in range(0, len(data), 97):
        refuse(tmp_path / "b.npz", data[:end])


def test_changed_content_is_noticed(tmp_path):
    save_features(example(templates=False), tmp_path / "a.npz")
    data = bytearray((tmp_path / "a.npz").read_bytes())
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        start = archive.getinfo("msa.npy").header_offset + 60
    data[start : start + 8] = b"\xff" * 8
    refuse(tmp_path / "b.npz", bytes(data))


def rewritten(tmp_path, change) -> bytes:
    save_features(example(templates=False), tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    change(arrays)
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def text_of(**changes: object) -> np.ndarray:
    text = {"version": 1, "name": "q", "sequence": "MKTAY", "msa_descriptions": ["q", "h", "i"]} | changes
    return np.frombuffer(json.dumps(text).encode(), np.uint8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.update(msa=np.array([{}], object)), "Object arrays"),
        (lambda a: a.pop("msa"), "missing arrays \\['msa'\\]"),
        (lambda a: a.update(more=np.zeros(1)), "unknown arrays \\['more'\\]"),
        (lambda a: a.pop("text"), "KeyError"),
        (lambda a: a.update(text=text_of(version=2)), "version 2"),
        (lambda a: a.update(text=text_of(sequence="MKTA")), "shape"),
        (lambda a: a.update(text=text_of(sequence=["M", "K", "T", "A", "Y"])), "version"),
        (lambda a: a.update(text=np.frombuffer(b"\xff\xfe{", np.uint8)), "Error"),
        (lambda a: a.update(text=np.frombuffer(b"[1]", np.uint8)), "TypeError"),
        (lambda a: a.update(msa=a["msa"][:2]), "msa of shape"),
        (lambda a: a.update(msa=a["msa"] + 9), "unknown letters"),
        (lambda a: a.update(aatype=a["aatype"] - 20), "unknown letters"),
        (lambda a: a.update(aatype=a["aatype"].astype(np.float32)), "of type float32"),
        (lambda a: a.update(residue_index=a["residue_index"].astype(str)), "finite numbers"),
    ],
)
def test_foreign_or_inconsistent_files_are_errors(tmp_path, change, words):
    refuse(tmp_path / "b.npz", rewritten(tmp_path, change), words)


def test_files_of_another_kind_are_errors(tmp_path):
    refuse(tmp_path / "a.npz", b"")
    refuse(tmp_path / "b.npz", b">a\nMKTAY\n")
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    refuse(tmp_path / "c.npz", stream.getvalue())
    with pytest.raises(InputError, match=r"features\.npz"):
        load_features(tmp_path / "missing.npz")


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the folder's place")
    with pytest.raises(InputError, match="writable"):
        save_features(example(templates=False), tmp_path / "file" / "features.npz")
