from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.training.config import CorruptionConfig
from alphafold_lite.training.corruption import (
    TemplateStructure,
    corrupt,
    displace,
    move_segments,
    mutate,
    open_gaps,
    rotation_about,
    slip_register,
)
from alphafold_lite.training.crops import middle_crop
from data_pipeline.msa import GAP
from tests.support.training_runs import open_sets

CA, CB = rc.atom_order["CA"], rc.atom_order["CB"]
NOTHING = CorruptionConfig(gaps=0, noise=0, segments=0, register=0, mutated=0)


@pytest.fixture
def crop(tmp_path):
    return middle_crop(open_sets(tmp_path)[1][0], 64)


@pytest.fixture
def structure(crop):
    return TemplateStructure(aatype=crop.aatype, positions=crop.positions, mask=crop.mask)


def distances(structure, rows):
    ca = structure.positions[rows, CA]
    return np.linalg.norm(ca[:, None] - ca[None], axis=-1)


def test_without_strength_a_template_is_the_chain_itself(crop):
    template = corrupt(crop, NOTHING, np.random.default_rng(0))
    assert (template.aatype == crop.aatype).all()
    assert np.abs(template.positions - crop.positions).max() < 1e-4
    assert (template.mask == crop.mask).all()


def test_side_chains_can_be_left_out(crop):
    template = corrupt(crop, replace(NOTHING, side_chains=False), np.random.default_rng(0))
    columns = [rc.atom_order[name] for name in ("N", "CA", "C", "O", "CB")]
    kept = np.isin(np.arange(len(rc.atom_types)), columns)
    assert crop.mask[:, ~kept].any() and not template.mask[:, ~kept].any()
    assert (template.mask[:, kept] == crop.mask[:, kept]).all()
    assert np.abs(template.positions[:, kept] - crop.positions[:, kept]).max() < 1e-4


def test_the_generator_decides_everything(crop):
    config = CorruptionConfig()
    a, b = (corrupt(crop, config, np.random.default_rng(4)) for _ in range(2))
    other = corrupt(crop, config, np.random.default_rng(5))
    assert (a.positions == b.positions).all() and (a.aatype == b.aatype).all()
    assert (a.positions != other.positions).any()


def test_absent_atoms_are_masked_and_everything_is_finite(crop):
    for seed in range(30):
        template = corrupt(crop, CorruptionConfig(), np.random.default_rng(seed))
        gap = template.aatype == GAP
        assert np.isfinite(template.positions).all()
        assert not template.mask[gap].any() and template.mask[~gap, CA].all()
        assert not (template.mask[~gap] * (1 - rc.restype_atom37_mask[template.aatype[~gap]])).any()


def test_gaps_come_in_runs_of_about_the_wanted_share(structure):
    shares, runs = [], []
    for seed in range(100):
        gap = open_gaps(structure, 0.5, np.random.default_rng(seed)).aatype == GAP
        shares.append(gap.mean())
        runs.append(1 + np.count_nonzero(np.diff(gap.astype(int)) == 1))
    assert 0.5 <= np.mean(shares) < 0.7
    assert np.mean(runs) < 4


def test_a_slip_takes_atoms_of_another_residue(structure):
    config = replace(NOTHING, register=3)
    slipped = [slip_register(structure, config, np.random.default_rng(seed)) for seed in range(20)]
    moved = [np.flatnonzero(np.abs(s.positions - structure.positions).max((1, 2)) > 0) for s in slipped]
    assert any(len(rows) > 4 for rows in moved)
    for one, rows in zip(slipped, moved, strict=True):
        for row in rows:
            source = np.flatnonzero((structure.positions == one.positions[row]).all((1, 2)))
            assert 0 < abs(source[0] - row) <= 3
            assert one.aatype[row] == structure.aatype[source[0]]


def test_moved_segments_keep_their_shape(structure):
    config = replace(NOTHING, segments=1)
    for seed in range(10):
        moved = move_segments(structure, config, np.random.default_rng(seed))
        step = np.abs(moved.positions - structure.positions).max((1, 2)) > 1e-3
        rows = np.flatnonzero(step)
        assert np.allclose(distances(moved, rows), distances(structure, rows), atol=1e-3)


def test_displacements_are_smooth_and_of_the_wanted_size(structure):
    moves = []
    for seed in range(200):
        moves.append(
            displace(structure, 2.0, 8.0, np.random.default_rng(seed)).positions[:, CA] - structure.positions[:, CA]
        )
    moves = np.array(moves)
    assert moves.std() == pytest.approx(2.0, rel=0.05)
    assert np.diff(moves, axis=1).std() < 0.8


def test_mutated_residues_have_letters_of_the_profile_and_no_side_chain(structure):
    profile = np.zeros((len(structure.aatype), 23), np.float32)
    profile[:, rc.restype_order["F"]] = 1
    mutant = mutate(structure, profile, 1.0, np.random.default_rng(0))
    changed = structure.aatype != rc.restype_order["F"]
    assert (mutant.aatype == rc.restype_order["F"]).mean() > 0.9
    assert mutant.mask[changed].sum(-1).max() == 5
    assert mutant.mask[:, CB].all()  # glycines got one


def test_rotations_are_proper():
    rotation = rotation_about(np.array([1.0, 2.0, -1.0]), 0.8)
    assert np.allclose(rotation @ rotation.T, np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert np.trace(rotation) == pytest.approx(1 + 2 * np.cos(0.8))
