"""Confidences of targets whose distograms are made up: the reference, what is kept, and what is damaged."""

import numpy as np
import pytest

from alphafold_lite.batch.distogram_file import Distogram, load_distogram, save_distogram
from alphafold_lite.common.errors import InputError
from alphafold_lite.distill import reference as module
from alphafold_lite.distill.confidence import divergences, residue_confidence
from alphafold_lite.distill.predicted import Predicted
from alphafold_lite.distill.reference import Confidences
from alphafold_lite.distill.settings import BAND
from alphafold_lite.predict.distogram import pair_separation
from tests.support.distograms import num_pairs

LENGTHS = (6, 9, 140)


@pytest.fixture
def targets(tmp_path):
    """Three targets with random distograms of four bins."""
    rng, found = np.random.default_rng(0), []
    for number, length in enumerate(LENGTHS):
        path = tmp_path / "distograms" / f"{number}.npz"
        log_p = np.log(rng.dirichlet(np.ones(4), num_pairs(length, BAND))).astype(np.float16)
        save_distogram(Distogram(num_res=length, log_probabilities=log_p), path)
        found.append(
            Predicted(
                name=f"t{number}", length=length, depth=1, mean_plddt=1.0, problem=None, folder=tmp_path, distogram=path
            )
        )
    return found


def confidences(targets, *, keep=False, configuration="c", seed=0):
    made = Confidences(targets[0].distogram.parent, configuration, keep=keep)
    made.prepare(targets, seed)
    return made


def test_every_target_against_the_mean_of_all(targets):
    before = [load_distogram(target.distogram).log_probabilities for target in targets]
    made = confidences(targets)
    apart = [pair_separation(length, BAND) for length in LENGTHS]
    near = [np.exp(log_p.astype(float))[a == 3].sum(0) for log_p, a in zip(before, apart, strict=True)]
    counts = sum(length - 3 for length in LENGTHS)
    assert made.reference.probabilities[2] == pytest.approx(sum(near) / counts, abs=1e-6)
    for target, log_p, a in zip(targets, before, apart, strict=True):
        want = residue_confidence(divergences(log_p, a, made.reference), a, target.length)
        assert made.of(target) == pytest.approx(want) and want.min() > 0


def test_distances_are_removed_and_confidences_stay(targets):
    first = [confidences(targets).of(target) for target in targets]
    assert all(load_distogram(target.distogram).log_probabilities is None for target in targets)
    again = confidences(targets)
    assert all(np.array_equal(again.of(target), values) for target, values in zip(targets, first, strict=True))


def test_distances_may_be_kept(targets):
    made = confidences(targets, keep=True)
    first = made.of(targets[0])
    kept = load_distogram(targets[0].distogram)
    assert kept.log_probabilities is not None and np.array_equal(kept.confidence, first)
    assert np.array_equal(confidences(targets).of(targets[0]), first)  # removed by a run that does not keep them
    assert load_distogram(targets[0].distogram).log_probabilities is None


def test_later_targets_are_judged_by_the_reference_that_there_is(targets):
    first = confidences(targets[:2])
    digest = first.reference.probabilities
    later = confidences(targets)
    assert np.array_equal(later.reference.probabilities, digest) and later.num_sequences == 2
    assert np.isfinite(later.of(targets[2])).all()


def test_the_reference_is_a_sample_that_the_seed_draws(targets, monkeypatch):
    monkeypatch.setattr(module, "REFERENCE_SIZE", 1)
    found = [confidences(targets, configuration=f"c{seed}", seed=seed).reference for seed in range(6)]
    assert {reference.num_sequences for reference in found} == {1}
    assert len({reference.probabilities.tobytes() for reference in found}) > 1
    same = confidences(targets, configuration="again", seed=3).reference
    assert np.array_equal(same.probabilities, found[3].probabilities)


def test_a_damaged_distogram_is_one_target_to_be_predicted_again(targets):
    targets[1].distogram.write_bytes(b"PK")
    made = confidences(targets)
    assert made.num_sequences == 2 and len(made.of(targets[0])) == 6
    with pytest.raises(InputError, match="t1.*run the same command again"):
        made.of(targets[1])
    assert not targets[1].distogram.exists()


def test_a_confidence_by_another_reference_does_not_count(targets):
    confidences(targets[:1]).of(targets[0])
    other = confidences(targets[1:], configuration="other")
    with pytest.raises(InputError, match="another reference"):
        other.of(targets[0])
    assert not targets[0].distogram.exists()


def test_no_distogram_makes_no_reference(targets):
    for target in targets:
        target.distogram.unlink()
    with pytest.raises(InputError, match="distograms to make a reference of"):
        confidences(targets)


def test_what_belongs_to_nothing_is_removed(targets):
    made = confidences(targets)
    made.clear(targets[1:])
    names = {path.name for path in targets[0].distogram.parent.iterdir()}
    assert names == {"1.npz", "2.npz", "reference-c.npz"}
