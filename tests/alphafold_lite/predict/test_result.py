from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.pdb import from_pdb
from alphafold_lite.relax.result import Hydrogens, RelaxMetrics, RelaxResult


def test_saved_structure_and_scores_come_back(result, tmp_path):
    result.save(tmp_path / "a.pdb")
    again = from_pdb((tmp_path / "a.pdb").read_text())
    assert np.allclose(again.atom_positions, result.protein.atom_positions, atol=6e-4)
    assert np.allclose(again.b_factors[:, 1], result.plddt, atol=6e-3)


def test_untrained_models_are_named_and_marked(result):
    assert result.stem == "untrained_tiny_pred_0"
    assert replace(result, model="model_1_ptm").stem == "untrained_model_1_ptm_pred_0"
    trained = replace(result, model="model_1_ptm", untrained=False)
    assert trained.stem == "model_1_ptm_pred_0" and trained.note is None
    assert "UNTRAINED" not in trained.pdb() and "model_1_ptm" in trained.pdb()


def test_the_relaxed_structure_goes_first(result):
    moved = result.unrelaxed.with_positions(result.unrelaxed.atom_positions + 1)
    hydrogens = Hydrogens(residue=np.array([0]), names=("HA",), positions=np.zeros((1, 3), np.float32))
    relaxation = RelaxResult(
        protein=moved, status="converged", message="", metrics=RelaxMetrics(kept_round=1), hydrogens=hydrogens
    )
    relaxed = result.with_relaxation(relaxation)
    assert relaxed.protein is moved and " HA  MET" in relaxed.pdb() and "relaxed with" in relaxed.pdb()
    assert relaxed.unrelaxed_pdb() == result.unrelaxed_pdb()
    failed = result.with_relaxation(replace(relaxation, metrics=RelaxMetrics(), status="failed"))
    assert failed.relaxed is None and failed.pdb() == result.pdb()


def test_only_pdb_files_and_folders_that_can_be_written(result, tmp_path):
    with pytest.raises(InputError, match=r"\.pdb"):
        result.save(tmp_path / "a.cif")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        result.save(tmp_path / "file" / "a.pdb")
