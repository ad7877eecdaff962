import biotite.structure as struc
import numpy as np
import pytest

from alphafold_lite.metrics.lddt import lddt
from tests.support.structure_pairs import pairs, turned


@pytest.fixture(scope="module")
def structures():
    return pairs()


def everyone(points):
    return np.ones(len(points), bool)


def alphafold_lddt(predicted, true, mask, *, per_residue):
    """The published formula, pair by pair in loops."""
    preserved, judged = np.zeros(len(true)), np.zeros(len(true))
    for i in range(len(true)):
        for j in range(len(true)):
            distance = np.linalg.norm(true[i] - true[j])
            if i == j or not mask[i] or not mask[j] or distance >= 15:
                continue
            error = abs(np.linalg.norm(predicted[i] - predicted[j]) - distance)
            judged[i] += 1
            preserved[i] += sum(error < limit for limit in (0.5, 1, 2, 4)) / 4
    if per_residue:
        return (1e-10 + preserved) / (1e-10 + judged)
    return (1e-10 + preserved.sum()) / (1e-10 + judged.sum())


@pytest.mark.parametrize("name", ["near", "hinge", "wave", "high_wave", "mirror", "unrelated", "short_wave"])
def test_agrees_with_biotite(structures, name):
    model, native = structures[name]
    made = []
    for points in (model, native):
        atoms = struc.AtomArray(len(points))
        atoms.coord = points.astype(np.float32)
        atoms.res_id = np.arange(len(points))
        made.append(atoms)
    subject, reference = made
    found = lddt(model, native, everyone(model))
    assert found.score == pytest.approx(float(struc.lddt(reference, subject)), abs=2e-4)
    theirs = struc.lddt(reference, subject, aggregation="residue")
    np.testing.assert_allclose(found.per_residue, theirs, atol=0.02)  # a pair on a limit may fall on either side
    assert np.abs(found.per_residue - theirs).mean() < 5e-4


def test_is_alphafolds_formula(structures):
    model, native = (points[40:90] for points in structures["wave"])
    mask = np.arange(50) % 7 != 3
    found = lddt(model, native, mask)
    np.testing.assert_allclose(found.per_residue, alphafold_lddt(model, native, mask, per_residue=True), atol=1e-9)
    assert found.score == pytest.approx(alphafold_lddt(model, native, mask, per_residue=False), abs=1e-9)


def test_the_mean_counts_pairs_not_residues(structures):
    found = lddt(*structures["hinge"], everyone(structures["hinge"][0]))
    assert found.score == pytest.approx(np.average(found.per_residue, weights=found.num_neighbours), abs=1e-9)
    assert found.score != pytest.approx(found.per_residue.mean(), abs=1e-4)


def test_motions_and_mirror_images_do_not_matter(structures):
    native = structures["near"][1]
    assert lddt(turned(native, 70) + 5, native, everyone(native)).score == pytest.approx(1)
    assert lddt(native * (1, 1, -1), native, everyone(native)).score == pytest.approx(1)


def test_a_residue_without_neighbours_scores_one_and_says_so():
    points = np.array([[0.0, 0, 0], [4, 0, 0], [100, 0, 0]])
    found = lddt(points * 2.1, points, everyone(points))
    assert found.num_neighbours.tolist() == [1, 1, 0]
    assert found.per_residue[2] == 1
    assert found.per_residue[0] == pytest.approx(0, abs=1e-9)  # off by 4.4 Å


@pytest.mark.parametrize(("error", "score"), [(0.4, 1), (0.6, 0.75), (1.5, 0.5), (3, 0.25), (4.5, 0)])
def test_thresholds(error, score):
    points = np.array([[0.0, 0, 0], [8, 0, 0]])
    moved = points + [[0, 0, 0], [error, 0, 0]]
    assert lddt(moved, points, everyone(points)).score == pytest.approx(score, abs=1e-9)


def test_unknown_residues_do_not_count(structures):
    model, native = structures["wave"]
    mask = np.arange(len(native)) < 60
    spoiled = np.where(mask[:, None], native, 0.0)
    found = lddt(model, spoiled, mask)
    assert found.score == pytest.approx(lddt(model[:60], native[:60], everyone(native[:60])).score)
    assert not found.num_neighbours[60:].any()
