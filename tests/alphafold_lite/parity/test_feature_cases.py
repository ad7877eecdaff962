"""Features against the recorded values of AlphaFold's own pipeline, by the rule of the reference README."""

import json
import shutil

import numpy as np
import pytest

from alphafold_lite.parity.feature_cases import feature_arrays, feature_json
from data_pipeline.parsers.hhr import parse_hhr
from tests.support.reference import REFERENCE

FOLDER = REFERENCE / "features"


def recorded() -> dict[tuple[str, str], tuple[np.ndarray, dict]]:
    rules = json.loads((FOLDER / "tolerances.json").read_text("utf-8"))["files"]
    wanted = {}
    for file, arrays in rules.items():
        with np.load(FOLDER / file, allow_pickle=False) as archive:
            wanted |= {(file, name): (archive[name], rule) for name, rule in arrays.items()}
    return wanted


def test_every_recorded_array_is_reproduced():
    wanted = recorded()
    computed = {(file, name): array for file, name, array in feature_arrays(FOLDER)}
    assert computed.keys() == wanted.keys()
    for key, (want, rule) in wanted.items():
        got = computed[key]
        assert got.shape == want.shape, key
        assert rule["mask"] is None, key
        if rule["kind"] == "exact":
            assert np.array_equal(got, want), key
        else:  # the float64 column holds although features are float32: they are well-conditioned quotients and arctangents
            assert np.abs(got.astype(np.float64) - want).max() <= rule["float64"], key


def test_recorded_json_is_reproduced():
    names = json.loads((FOLDER / "tolerances.json").read_text("utf-8"))["json_exact"]
    computed = feature_json(FOLDER)
    assert sorted(computed) == sorted(names)
    for name in names:
        assert computed[name] == json.loads((FOLDER / name).read_text("utf-8")), name


def test_hit_list_of_the_template_case_is_read():
    hits = parse_hhr((REFERENCE / "templates" / "hits.hhr").read_text("utf-8"))
    outcomes = json.loads((REFERENCE / "templates" / "outcomes.json").read_text("utf-8"))["hits"]
    assert [hit.name for hit in hits] == [outcome["hit"] for outcome in outcomes]


@pytest.fixture
def other_folder(tmp_path):
    """The same data under other file names, the alignments merged the other way round, one part absent."""
    for path in FOLDER.iterdir():
        if path.name not in ("processed_features.npz", "parsed_descriptions.json", "merge_order.json"):
            shutil.copyfile(path, tmp_path / path.name)
    (tmp_path / "msa.a3m").rename(tmp_path / "uniref.a3m")
    (tmp_path / "msa.sto").rename(tmp_path / "mgnify.sto")
    (tmp_path / "query.fasta").write_text(
        ">another name, and more\n" + (FOLDER / "query.fasta").read_text().split("\n", 1)[1]
    )
    (tmp_path / "merge_order.json").write_text(json.dumps({"msas_in_order": ["uniref.a3m", "mgnify.sto"]}))
    return tmp_path


def test_names_order_and_parts_come_from_the_folder(other_folder):
    computed = {name: array for _, name, array in feature_arrays(other_folder)}
    wanted = {name: want for (_, name), (want, _) in recorded().items()}
    assert not any(name.startswith("out/") for name in computed)
    assert computed["raw/domain_name"].tolist() == ["another name, and more"]
    assert np.array_equal(computed["a3m_int"], wanted["a3m_int"]) and np.array_equal(
        computed["sto_int"], wanted["sto_int"]
    )
    assert np.array_equal(computed["raw/msa"][: len(wanted["a3m_int"])][0], wanted["raw/msa"][0])
    assert not np.array_equal(computed["raw/msa"], wanted["raw/msa"])
    rows = {tuple(row) for row in computed["raw/msa"].tolist()}
    assert rows == {tuple(row) for row in wanted["raw/msa"].tolist()}
    assert list(feature_json(other_folder)) == ["hits.json"]
