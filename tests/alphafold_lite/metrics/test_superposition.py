import time
from itertools import pairwise

import biotite.structure as struc
import numpy as np
import pytest
import tmtools

from alphafold_lite.metrics.superposition import rmsd, superposition_scores, tm_d0
from tests.support.structure_pairs import pairs, turned, waved

# TM-score, GDT-TS and RMSD as printed by Zhang & Skolnick's own program TMscore (Debian package tm-align 20190822), given the pairs as PDB files. It searches the
# same superpositions in single precision; ours may find a slightly better one.
TMSCORE = {
    "near": (0.9802, 0.9961, 0.734),
    "hinge": (0.5901, 0.5668, 9.344),
    "wave": (0.6759, 0.5065, 3.677),
    "high_wave": (0.2695, 0.1479, 9.805),
    "mirror": (0.3443, 0.2487, 14.541),
    "unrelated": (0.1425, 0.1098, 21.478),
    "short_wave": (0.3802, 0.4578, 4.926),
}


@pytest.fixture(scope="module")
def structures():
    return pairs()


def everyone(points):
    return np.ones(len(points), bool)


def traces(model, native):
    """biotite structures of CA atoms."""
    made = []
    for points in (model, native):
        atoms = struc.AtomArray(len(points))
        atoms.coord = points.astype(np.float32)
        atoms.atom_name[:] = "CA"
        atoms.res_name[:] = "ALA"
        atoms.chain_id[:] = "A"
        atoms.res_id = np.arange(1, len(points) + 1)
        made.append(atoms)
    return made


@pytest.mark.parametrize("name", TMSCORE)
def test_agrees_with_the_original_program(structures, name):
    model, native = structures[name]
    tm, gdt_ts, root = TMSCORE[name]
    found = superposition_scores(model, native, everyone(model))
    assert tm - 0.0005 <= found.tm <= tm + 0.005
    assert gdt_ts - 0.004 <= found.gdt_ts <= gdt_ts + 0.015
    assert rmsd(model, native, everyone(model)) == pytest.approx(root, abs=6e-4)


def test_tmtools_on_a_near_native_pair(structures):
    model, native = structures["near"]
    theirs = tmtools.tm_align(model, native, "A" * len(model), "A" * len(native)).tm_norm_chain2
    assert superposition_scores(model, native, everyone(model)).tm == pytest.approx(theirs, abs=1e-3)


def test_no_worse_than_biotite_after_least_squares(structures):
    """biotite scores a given superposition; the search must find one at least as good, and about as good where all residues fit."""
    for name, (model, native) in structures.items():
        subject, reference = traces(model, native)
        fitted, _ = struc.superimpose(reference, subject)
        theirs = struc.tm_score(
            reference, fitted, np.arange(len(model)), np.arange(len(model)), reference_length=len(model)
        )
        ours = superposition_scores(model, native, everyone(model)).tm
        assert ours > theirs - 1e-4
        if name == "near":
            assert ours == pytest.approx(theirs, abs=5e-3)


def test_biotite_gives_the_same_root_mean_square(structures):
    model, native = structures["wave"]
    subject, reference = traces(model, native)
    fitted, _ = struc.superimpose(reference, subject)
    assert rmsd(model, native, everyone(model)) == pytest.approx(float(struc.rmsd(reference, fitted)), abs=1e-3)


def test_identical_structures_score_one(structures):
    native = structures["near"][1]
    found = superposition_scores(turned(native, 100) + 30, native, everyone(native))
    assert found.tm == pytest.approx(1, abs=1e-9)
    assert found.gdt_ts == 1
    assert found.within == (1, 1, 1, 1)


def test_moving_either_structure_changes_nothing(structures):
    model, native = structures["hinge"]
    before = superposition_scores(model, native, everyone(model))
    after = superposition_scores(turned(model, 211) - 50, turned(native, 33) + 9, everyone(model))
    assert after.tm == pytest.approx(before.tm, abs=1e-6)
    assert after.within == before.within


def test_a_mirror_image_is_another_structure(structures):
    model, native = structures["mirror"]
    assert superposition_scores(model, native, everyone(model)).tm < 0.5
    assert rmsd(model, native, everyone(model)) > 10


def test_residues_correspond_by_number(structures):
    """A shift along the chain is not undone by an alignment."""
    native = structures["near"][1]
    shifted = np.roll(native, 12, axis=0)
    assert superposition_scores(shifted, native, everyone(native)).tm < 0.4


def test_missing_residues_count_against_the_native_length(structures):
    native = structures["near"][1]
    mask = np.arange(len(native)) < len(native) // 2
    spoiled = np.where(mask[:, None], native, np.nan)
    found = superposition_scores(spoiled, native, mask, native_length=len(native))
    assert found.tm == pytest.approx(mask.mean())
    assert found.gdt_ts == pytest.approx(mask.mean())
    assert superposition_scores(spoiled, native, mask).tm == pytest.approx(1)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_residues_have_no_superposition(count):
    points = np.arange(3.0 * count).reshape(-1, 3)
    assert superposition_scores(points, points, everyone(points), native_length=10).tm == 0


@pytest.mark.parametrize("count", [3, 4, 5, 16, 19])
def test_short_chains(structures, count):
    native = structures["near"][1][:count]
    assert superposition_scores(turned(native, 50), native, everyone(native)).tm == pytest.approx(1, abs=1e-9)


def test_points_on_a_line_are_superposed():
    line = np.stack([np.arange(20.0), np.zeros(20), np.zeros(20)], axis=-1)
    found = superposition_scores(line[:, [1, 0, 2]], line, everyone(line))
    assert found.tm == pytest.approx(1, abs=1e-9)


def test_normalising_distance():
    assert tm_d0(100) == pytest.approx(1.24 * 85 ** (1 / 3) - 1.8)
    assert tm_d0(15) == tm_d0(5) == tm_d0(19) == 0.5


def test_scores_fall_as_the_structure_is_shaken(structures):
    native = structures["near"][1]
    scores = [superposition_scores(waved(native, height), native, everyone(native)) for height in (0.5, 1, 2, 4)]
    assert all(one.tm > other.tm and one.gdt_ts > other.gdt_ts for one, other in pairwise(scores))


def test_speed(structures):
    """640 chains of 150 residues must take well under a minute; bad models take longest."""
    model, native = (points[:148] for points in structures["unrelated"])
    started = time.process_time()
    for _ in range(10):
        superposition_scores(model, native, everyone(model))
    assert time.process_time() - started < 10 * 60 / 640
