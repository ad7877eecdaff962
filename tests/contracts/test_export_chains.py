"""`scripts/export_chains.py` writes files that the reader of structures takes for what they were."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from alphafold_lite.training.chains import ChainSet
from data_pipeline.parsers.mmcif import read_structure
from tests.support.packed_sets import allatom_arrays, write

ROOT = Path(__file__).parents[2]


def export(data, out, *more):
    command = [sys.executable, str(ROOT / "scripts" / "export_chains.py"), str(data), str(out), *map(str, more)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def same(path, chain):
    (found,) = read_structure(path).chains
    rows = chain.residue_index  # residues between which some are missing
    assert "".join(found.sequence[row] for row in rows) == chain.sequence
    assert len(found.sequence) == rows[-1] + 1
    np.testing.assert_array_equal(found.atom_mask[rows], chain.atom37_mask)
    mask = chain.atom37_mask > 0
    np.testing.assert_allclose(found.atom_positions[rows][mask], chain.atom37_positions[mask], atol=0.002)


def test_mmcif_comes_back_with_its_gaps(tmp_path):
    data, out = write(tmp_path / "set.npz", allatom_arrays()), tmp_path / "cif"  # every second residue is missing
    assert export(data, out).returncode == 0
    chains = {chain.id: chain for chain in ChainSet.open(data)}
    assert sorted(path.name for path in out.iterdir()) == [f"{name}.cif" for name in sorted(chains)]
    for name, chain in chains.items():
        same(out / f"{name}.cif", chain)


def test_pdb_comes_back(tmp_path):
    arrays = allatom_arrays()
    data = write(tmp_path / "set.npz", arrays | {"residue_index": arrays["residue_index"] // 2})
    names, out = tmp_path / "names.txt", tmp_path / "pdb"
    names.write_text("2BBB_B\n3CCC_C\n")
    assert export(data, out, "--format", "pdb", "--gzip", "--names", names).returncode == 0
    assert sorted(path.name for path in out.iterdir()) == ["2BBB_B.pdb.gz", "3CCC_C.pdb.gz"]
    chains = {chain.id: chain for chain in ChainSet.open(data)}
    for path in out.iterdir():
        same(path, chains[path.name.partition(".")[0]])


def test_a_chain_that_cannot_name_a_file(tmp_path):
    arrays = allatom_arrays() | {"id": np.array(["../x", "b", "c"])}
    done = export(write(tmp_path / "set.npz", arrays), tmp_path / "out")
    assert done.returncode != 0 and "name a file" in done.stderr and not (tmp_path / "x.cif").exists()
