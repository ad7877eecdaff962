import numpy as np
import pytest

from alphafold_lite.common import residue_constants
from alphafold_lite.outputs.pdb import from_pdb
from tests.support.reference import REFERENCE


@pytest.mark.parametrize(
    "name", ["model_output", "multiple_disulfides_target", "with_violations", "with_violations_casp14"]
)
def test_foreign_files_are_read_as_the_reference_reads_them(name):
    protein = from_pdb((REFERENCE / "relax" / f"{name}.pdb").read_text())
    with np.load(REFERENCE / "relax" / f"{name}_violations.npz", allow_pickle=False) as recorded:
        np.testing.assert_array_equal(protein.aatype, recorded["in:aatype"])
        np.testing.assert_array_equal(np.diff(protein.residue_index), np.diff(recorded["in:residue_index"]))
        columns = residue_constants.restype_atom14_to_atom37[protein.aatype].astype(int)
        positions = np.take_along_axis(protein.atom_positions, columns[..., None], axis=1)
        exists = recorded["in:atom14_exists"] > 0.5
        np.testing.assert_allclose(positions[exists], recorded["in:atom14_positions"][exists], atol=1e-6)
