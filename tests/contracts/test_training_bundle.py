"""`scripts/training_bundle.py`, with sets of a few library chains."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from alphafold_lite.training.chains import ChainSet, library_arrays
from data_pipeline.library.library import Library

SCRIPT = Path(__file__).parents[2] / "scripts" / "training_bundle.py"
WITHOUT = "import runpy, sys; sys.modules.update(dict.fromkeys(('gemmi', 'pyhmmer', 'openmm', 'Bio')))"
ROWS = 200


def run(*arguments: str | Path, before: str = "import runpy, sys") -> subprocess.CompletedProcess[str]:
    code = f"{before}; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    return subprocess.run([sys.executable, "-c", code, SCRIPT, *arguments], capture_output=True, text=True, check=False)


def alignment(letter: str) -> bytes:
    return gzip.compress("".join(f">row {number}\n{letter * 9}\n" for number in range(ROWS)).encode())


@pytest.fixture
def data(tmp_path):
    """Three library chains and what lies beside them."""
    root = tmp_path / "data"
    for name in ("pdb_subset", "msa_families", "searched"):
        (root / name).mkdir(parents=True)
    arrays = library_arrays(Library.embedded(), [5, 3, 8]) | {"cluster": np.array([0, 1, 1])}
    np.savez(root / "pdb_subset" / "backbone_train.npz", **arrays)
    for name in ("backbone_valid.npz", "allatom_train.npz", "ordinary_valid.txt"):
        (root / "pdb_subset" / name).write_text(name)
    np.savez(root / "msa_families" / "structures_train.npz", family=np.array(["PF1"]), id=np.array(["1ABC_A"]))
    (root / "msa_families" / "PF1.1ABC_A.a3m.gz").write_bytes(alignment("A"))
    np.savez(root / "searched" / "allatom_train.npz", alignment=np.array(["x.a3m.gz", ""]))
    (root / "searched" / "x.a3m.gz").write_bytes(alignment("C"))
    return root


def rows(path: Path) -> list[str]:
    return [line for line in gzip.decompress(path.read_bytes()).decode().split("\n") if line.startswith(">")]


def test_a_bundle_unpacks_to_the_same_chains_without_the_search_programs(data, tmp_path):
    bundle, there = tmp_path / "bundle", tmp_path / "there"
    packed = run("pack", data, bundle, "--searched", data / "searched" / "allatom_train.npz")
    assert packed.returncode == 0, packed.stderr
    assert not (bundle / "pdb_subset" / "backbone_train.npz").exists()
    unpacked = run("unpack", bundle, there, before=WITHOUT)
    assert unpacked.returncode == 0, unpacked.stderr
    ours, theirs = (ChainSet.open(root / "pdb_subset" / "backbone_train.npz") for root in (data, there))
    assert ours.ids == theirs.ids and ours.clusters.tolist() == theirs.clusters.tolist()
    for a, b in zip(ours, theirs, strict=True):
        assert a.sequence == b.sequence and np.array_equal(a.atom37_positions, b.atom37_positions)
        assert np.array_equal(a.profile, b.profile)
    for name in ("msa_families/PF1.1ABC_A.a3m.gz", "searched/x.a3m.gz"):
        kept = rows(there / name)
        assert len(kept) == 64 and kept[0] == ">row 0" and kept[-1] == f">row {ROWS - 1}"
    assert (there / "pdb_subset" / "ordinary_valid.txt").read_text() == "ordinary_valid.txt"
    assert not (there / "pdb_subset" / "allatom_train.npz").exists()


def test_without_alignments_the_all_atom_chains_travel_alone(data, tmp_path):
    assert run("pack", data, tmp_path / "bundle").returncode == 0
    assert (tmp_path / "bundle" / "pdb_subset" / "allatom_train.npz").read_text() == "allatom_train.npz"
    assert not (tmp_path / "bundle" / "searched").exists()


def test_a_chain_that_the_library_lacks_is_an_error(data, tmp_path):
    path = data / "pdb_subset" / "backbone_train.npz"
    with np.load(path) as arrays:
        changed = dict(arrays) | {"id": np.array(["9XYZ_A", *arrays["id"][1:]])}
    np.savez(path, **changed)
    done = run("pack", data, tmp_path / "bundle")
    assert done.returncode != 0 and "9XYZ_A" in done.stderr
