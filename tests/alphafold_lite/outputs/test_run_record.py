import hashlib
import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

from alphafold_lite.outputs.run_record import RunRecord, package_versions, sha256_of


@dataclass
class Config:
    num_recycles: int = 3


@pytest.fixture
def record():
    return RunRecord(
        target={"name": "ubiquitin", "header": "sp|P0CG47| ü", "sequence": "MQIFVK", "replaced": ()},
        configuration={"model": Config(), "tolerance": np.float32(0.5)},
        seeds=[0, 1],
        parameters=[{"name": "model_1_ptm", "sha256": "ab", "untrained": True}],
        msas={},
        device="cpu",
        note="UNTRAINED",
    )


def test_the_file_holds_everything_in_sorted_order(record):
    content = json.loads(record.to_json())
    assert list(content) == sorted(content)
    assert content["target"]["header"] == "sp|P0CG47| ü"
    assert content["configuration"] == {"model": {"num_recycles": 3}, "tolerance": 0.5}
    assert content["seeds"] == [0, 1] and content["note"] == "UNTRAINED" and content["device"] == "cpu"
    assert content["parameters"][0]["untrained"] is True
    assert content["versions"]["numpy"] == np.__version__
    assert content["fingerprint"] == record.fingerprint
    assert record.to_json() == record.to_json()


@pytest.mark.parametrize(
    "change",
    [
        {"target": {"sequence": "MQIFVR"}},
        {"configuration": {"model": Config(num_recycles=1)}},
        {"seeds": [0]},
        {"parameters": []},
        {"msas": {"a.a3m": "cd"}},
    ],
)
def test_the_fingerprint_follows_what_decides_the_results(record, change):
    assert replace(record, **change).fingerprint != record.fingerprint


def test_the_fingerprint_ignores_where_it_ran(record):
    assert replace(record, device="cuda", versions={}).fingerprint == record.fingerprint


def test_sha256_of_files_bytes_and_text(tmp_path):
    data = b"x" * 3_000_000
    (tmp_path / "f").write_bytes(data)
    expected = hashlib.sha256(data).hexdigest()
    assert sha256_of(tmp_path / "f") == sha256_of(data) == sha256_of(data.decode()) == expected


def test_versions_name_python_and_installed_packages_only():
    versions = package_versions()
    assert {"python", "numpy", "biopython"} <= set(versions)
    assert all(versions.values())
