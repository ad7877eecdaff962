"""Targets of different length, alignment and templates in one group, against each of them alone, with the same seeds."""

from dataclasses import fields

import numpy as np
import pytest

from alphafold_lite.common.features import Features, TemplateFeatures
from alphafold_lite.outputs.scores import pae_json
from alphafold_lite.predict import group
from alphafold_lite.predict.device import DoesNotFitError
from alphafold_lite.predict.group import fold_together
from alphafold_lite.predict.predictor import Predictor
from data_pipeline.config import NO_TEMPLATES, SearchConfig
from data_pipeline.msa import GAP

ALONE = SearchConfig(msa_modes=("single",), templates=NO_TEMPLATES)
TARGETS = ((21, 1, 0, 1), (24, 9, 2, 1), (18, 3, 4, 2), (23, 30, 0, 1))  # residues, rows, templates, chains


def helix(length, rng):
    """Backbone atoms about a helix, Å, for a template that could be one."""
    positions = np.zeros((length, 37, 3), np.float32)
    for atom, shift in enumerate((-0.4, 0.0, 0.4, 0.0, 0.5)):
        angle, rise = 1.745 * (np.arange(length) + shift), 1.5 * (np.arange(length) + shift)
        radius = 2.3 + 0.2 * atom
        positions[:, atom] = np.stack((radius * np.cos(angle), radius * np.sin(angle), rise), axis=-1)
    return positions + rng.normal(scale=0.1, size=positions.shape).astype(np.float32)


def target(number):
    """A target with a random alignment and, where it has some, templates with gaps."""
    length, rows, templates, chains = TARGETS[number]
    rng = np.random.default_rng(number)
    msa = rng.integers(0, 20, (rows, length)).astype(np.int32)
    msa[1:][rng.random((rows - 1, length)) < 0.2] = GAP
    chain_index = (np.arange(length) * chains // length).astype(np.int32)
    found = None
    if templates:
        mask = np.zeros((templates, length, 37), np.float32)
        mask[:, 2:-1, :5] = 1
        found = TemplateFeatures(
            names=tuple(f"t{place}" for place in range(templates)),
            aatype=np.where(mask[..., 1] > 0, rng.integers(0, 20, (templates, length)), GAP).astype(np.int32),
            atom_positions=np.stack([helix(length, rng) for _ in range(templates)]) * mask[..., None],
            atom_mask=mask,
            sum_probs=np.ones(templates, np.float32),
            e_value=rng.random(templates),
        )
    return Features(
        name=f"t{number}", sequence="A" * length, aatype=msa[0], residue_index=np.arange(length) + 200 * chain_index,
        chain_index=chain_index, msa=msa, deletion_matrix=rng.integers(0, 2, msa.shape).astype(np.int32),
        msa_descriptions=("",) * rows, templates=found,
    )  # fmt: skip


@pytest.fixture(scope="module")
def small():
    """An untrained network that reads few rows, so that there are further ones."""
    keywords = {"num_recycles": 2, "num_seeds": 2, "max_clusters": 4, "max_extra": 8}
    return Predictor("random:0", search=ALONE, relax="none", device="cpu", **keywords)


@pytest.mark.parametrize("templates", [True, False])
def test_results_are_those_of_each_target_alone(small, templates):
    features = [target(number) for number in range(len(TARGETS))]
    if not templates:
        parts = [{f.name: getattr(one, f.name) for f in fields(one)} for one in features]
        features = [Features(**(part | {"templates": None})) for part in parts]
    folded = fold_together(small, features)
    for one, mine in zip(features, folded, strict=True):
        assert len(mine.seconds) == 2 and min(mine.seconds) > 0
        assert [(model.source.name, number) for model, number in mine.runs()] == [
            ("untrained_tiny", 0),
            ("untrained_tiny", 1),
        ]
        for model, number in small.runs():
            alone, ours = small.run(one, model, number), mine.run(one, model, number)
            assert (ours.seed, ours.stem, ours.num_recycles) == (alone.seed, alone.stem, alone.num_recycles)
            difference = np.abs(ours.unrelaxed.atom_positions - alone.unrelaxed.atom_positions).max()
            assert (
                difference < 1e-3
            )  # Å; at most 3e-5 was seen, but a distance may fall into another bin between passes
            assert (ours.unrelaxed.atom_mask == alone.unrelaxed.atom_mask).all()
            assert np.abs(ours.plddt - alone.plddt).max() < 1e-2
            assert ours.ptm == pytest.approx(alone.ptm, abs=1e-4)
            assert ours.pae.shape == alone.pae.shape and np.abs(ours.pae - alone.pae).max() < 1e-2
            assert (ours.iptm is None) == (alone.iptm is None)
            assert ours.iptm is None or ours.iptm == pytest.approx(alone.iptm, abs=1e-4)
            assert len(pae_json(ours.pae, ours.max_pae)) > 100  # no view of the padded array is written


def test_seeds_are_those_of_single_folding(small):
    one, other = target(1), target(3)
    first, second = (mine.results[0][1] for mine in fold_together(small, [one, other]))
    again = fold_together(small, [other, one])[1].results[0][1]
    assert np.abs(again.plddt - first.plddt).max() < 1e-2  # the place in the group is of no account
    assert np.abs(first.unrelaxed.atom_positions[:18] - second.unrelaxed.atom_positions[:18]).max() > 0.1


def test_a_group_that_cannot_fit_is_refused_before_it_begins(small, monkeypatch):
    features = [target(0), target(1)]
    asked = []

    def check_fits(peak, device, *, num_res):
        asked.append((peak, num_res))
        raise DoesNotFitError("a", "b", "c")

    monkeypatch.setattr(group, "check_fits", check_fits)
    with pytest.raises(DoesNotFitError):
        fold_together(small, features)
    with pytest.raises(DoesNotFitError):
        fold_together(small, features * 2)
    assert asked[1][0] == 2 * asked[0][0] and asked[0][1] == 24


def test_memory_that_runs_out_is_named(small, monkeypatch):
    def no_memory(*arguments, **keywords):
        raise MemoryError

    monkeypatch.setattr(group, "fold_group", no_memory)
    with pytest.raises(DoesNotFitError, match="24 residues"):
        fold_together(small, [target(0), target(1)])
