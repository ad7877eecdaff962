import json
import subprocess
import sys

import numpy as np
import pytest

from alphafold_lite.common import residue_constants as rc
from tests.support.reference import REFERENCE

# The reference keeps its tables in float32: one rounding of the value, two for frames, whose axes it normalises in float32.
TOLERANCE = {
    "restype_atom14_rigid_group_positions": 3e-7,
    "restype_atom37_rigid_group_positions": 3e-7,
    "restype_rigid_group_default_frame": 2e-7,
    "atom14_dists_lower_bound": 3e-7,
    "atom14_dists_upper_bound": 3e-7,
    "atom14_dists_stddev": 1e-8,
}


@pytest.fixture(scope="module")
def recorded():
    with np.load(REFERENCE / "constants.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _ours(name):
    lower, upper, stddev = rc.atom14_bounds(tolerance_factor=12.0, overlap=1.5)
    bounds = {
        "atom14_dists_lower_bound": lower,
        "atom14_dists_upper_bound": upper,
        "atom14_dists_stddev": stddev,
    }
    return bounds[name] if name in bounds else getattr(rc, name)


def test_every_recorded_table_is_reproduced(recorded):
    for name, want in recorded.items():
        got = _ours(name)
        if name == "chi_angles_mask":  # recorded without the unknown residue
            assert not got[20].any()
            got = got[:20]
        assert got.shape == want.shape, name
        np.testing.assert_allclose(got, want, rtol=0, atol=TOLERANCE.get(name, 0), err_msg=name)


def test_every_recorded_list_is_reproduced():
    recorded = json.loads((REFERENCE / "constants.json").read_text("utf-8"))
    for name, want in recorded.items():
        assert json.loads(json.dumps(getattr(rc, name))) == want, name


def test_tables_are_double_precision_and_indices_fit_torch():
    assert rc.restype_rigid_group_default_frame.dtype == rc.restype_atom14_rigid_group_positions.dtype == np.float64
    assert rc.restype_atom14_to_atom37.dtype == rc.chi_atom_indices.dtype == np.int64


def test_frames_are_proper_rigid_motions():
    rotations = rc.restype_rigid_group_default_frame[:20, :, :3, :3]
    used = np.abs(rotations).sum((-1, -2)) > 0
    np.testing.assert_allclose((rotations @ rotations.swapaxes(-1, -2))[used], np.broadcast_to(np.eye(3), (used.sum(), 3, 3)), atol=1e-12)  # fmt: skip
    np.testing.assert_allclose(np.linalg.det(rotations[used]), 1, atol=1e-12)


def test_atom_maps_are_inverse_to_each_other():
    for number in range(21):
        for column in np.flatnonzero(rc.restype_atom14_mask[number]):
            assert rc.restype_atom37_to_atom14[number, rc.restype_atom14_to_atom37[number, column]] == column
    assert rc.restype_atom14_mask.sum() == rc.restype_atom37_mask.sum()


def test_renaming_twice_changes_nothing():
    twice = rc.renaming_matrices @ rc.renaming_matrices
    assert (twice == np.eye(14)).all()


def test_bounds_follow_their_arguments():
    lower, upper, stddev = rc.atom14_bounds(tolerance_factor=2.0, overlap=1.0)
    n, ca, o = 0, 1, 3
    assert lower[0, n, ca] == pytest.approx(1.459 - 2 * 0.020, abs=1e-12)
    assert upper[0, n, ca] == pytest.approx(1.459 + 2 * 0.020, abs=1e-12)
    assert lower[0, n, o] == pytest.approx(1.55 + 1.52 - 1.0, abs=1e-12)
    assert upper[0, n, o] == 1e10 and stddev[0, n, o] == 0
    assert (lower == lower.swapaxes(1, 2)).all() and (upper == upper.swapaxes(1, 2)).all()
    assert not lower[20].any() and not upper[20].any()


def test_literature_positions_obey_the_bounds_within_a_group():
    lower, upper, _ = rc.atom14_bounds()
    for number in range(20):
        present = np.flatnonzero(rc.restype_atom14_mask[number])
        for group in set(rc.restype_atom14_to_rigid_group[number, present]):
            atoms = [column for column in present if rc.restype_atom14_to_rigid_group[number, column] == group]
            places = rc.restype_atom14_rigid_group_positions[number, atoms]
            distance = np.linalg.norm(places[:, None] - places[None], axis=-1)
            assert (distance >= lower[number][np.ix_(atoms, atoms)]).all()
            assert (distance <= upper[number][np.ix_(atoms, atoms)]).all()


def test_import_is_quick_and_without_torch():
    program = (
        "import time, sys, numpy, jaxtyping; start = time.perf_counter();"
        "import alphafold_lite.common.residue_constants; print(time.perf_counter() - start, 'torch' in sys.modules)"
    )
    answers = [subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split() for _ in range(3)]  # fmt: skip
    assert all(torch_loaded == "False" for _, torch_loaded in answers)
    assert min(float(seconds) for seconds, _ in answers) < 0.050
