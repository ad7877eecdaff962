"""Distilled sets beside labelled ones: layout, batches, shares."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from alphafold_lite.common.errors import InputError
from alphafold_lite.training import settings
from alphafold_lite.training.chains import ChainSet
from alphafold_lite.training.dataset import collate, make_example
from alphafold_lite.training.loader import MicroBatches
from alphafold_lite.training.mixing import with_distilled
from alphafold_lite.training.plan import Plan
from alphafold_lite.training.run_folder import Sources
from alphafold_lite.training.sampler import build_sampler
from alphafold_lite.training.targets import Targets, WeightedTargets
from tests.support.packed_sets import allatom_arrays, backbone_arrays, write
from tests.support.training_runs import gradients, numbered, small_config, write_sets


def distilled_arrays():
    arrays = allatom_arrays()
    rows = len(arrays["sequence"])
    return arrays | {
        "id": np.array(["d1", "d2", "d3"]),
        "weight": np.arange(rows).astype(np.uint8) * 3,
        "profile": backbone_arrays()["profile"],
    }


@pytest.fixture
def distilled(tmp_path):
    """The output folder of `distill`, as far as training reads it."""
    (tmp_path / "out").mkdir()
    write(tmp_path / "out" / "distilled.npz", distilled_arrays())
    return tmp_path / "out"


def test_weights_of_a_packed_set(distilled):
    chains = ChainSet.open(distilled / "distilled.npz")
    got = np.concatenate([chain.weights for chain in chains])
    assert got == pytest.approx(distilled_arrays()["weight"] / 255) and got.dtype == np.float32
    write(distilled / "distilled.npz", distilled_arrays() | {"weight": np.zeros(3, np.uint8)})
    with pytest.raises(InputError, match="rows that fit"):
        ChainSet.open(distilled / "distilled.npz")


def test_weights_go_through_crops_and_padding(distilled, tmp_path):
    known, predicted = ChainSet.open(write_sets(tmp_path)[1])[0], ChainSet.open(distilled / "distilled.npz")[1]
    config = small_config(template=False)

    def example(chain, size):
        sized = replace(config, data=replace(config.data, crop_size=size))
        return make_example(chain, sized, Plan(), np.random.default_rng(0))

    plain = collate([example(known, 24), example(known, 24)]).targets
    assert type(plain) is Targets
    short, long = example(predicted, 24), example(known, 24)
    targets = collate([short, long]).targets
    assert isinstance(targets, WeightedTargets)
    assert targets.is_experimental.tolist() == [0, 1]
    assert torch.equal(targets.weights[0], torch.tensor(np.pad(predicted.weights, (0, 4))))
    assert targets.weights[1].tolist() == [1] * 24
    assert torch.equal(targets.backbone_mask[1], plain.backbone_mask[1])
    cropped = example(predicted, 8)
    start = int(cropped.name.split("[")[1].split(":")[0])
    assert np.array_equal(cropped.weights, predicted.weights[start : start + 8])


def test_a_step_on_a_mixture(distilled, tmp_path):
    first, second = write_sets(tmp_path)
    config, sources = with_distilled(
        small_config("step.batch_size=16", "step.micro_batch=8"),
        Sources(data=(str(first), str(second))),
        [str(distilled)],
        0.5,
    )
    dataset = MicroBatches(config, sources.training_sets())
    _, summed = gradients(config)
    batches = numbered(dataset, config, 0)
    kinds = {flag for _, batch in batches if isinstance(batch.targets, WeightedTargets) for flag in batch.targets.is_experimental.tolist()}  # fmt: skip
    assert kinds == {0.0, 1.0}
    outcome = summed.compute(config, 0, batches)
    assert not outcome.problems and np.isfinite(outcome.means["loss"])


def frequencies(config, sources):
    sampler = build_sampler(sources.training_sets(), config.data)
    which = sampler.places[:, 0]
    return np.bincount(which, weights=sampler.probabilities())


def test_shares(distilled, tmp_path):
    sources = Sources(data=tuple(map(str, write_sets(tmp_path))))
    config = small_config()
    mixed, more = with_distilled(config, sources, [str(distilled)], 0.75)
    assert more.data == (*sources.data, str(distilled / "distilled.npz"))
    assert frequencies(mixed, more) == pytest.approx([0.125, 0.125, 0.75])  # the two sets have equal chains
    assert settings.from_plain(type(mixed), settings.to_plain(mixed)) == mixed  # a resumed run keeps it

    uneven = settings.override(config, ["data.shares=(3,1)"])
    mixed, more = with_distilled(uneven, sources, [str(distilled / "distilled.npz")] * 2, 0.6)
    assert frequencies(mixed, more) == pytest.approx([0.3, 0.1, 0.3, 0.3])


@pytest.mark.parametrize(
    ("change", "share", "word"),
    [
        ((), 0.0, "--distilled-share"),
        ((), 1.0, "--distilled-share"),
        ((), float("nan"), "--distilled-share"),
        (("data.shares=(1,)",), 0.5, "a share for each of 2 data files"),
        (("data.min_length=500",), 0.5, "chains of at least 500"),
    ],
)
def test_shares_that_cannot_be(distilled, tmp_path, change, share, word):
    sources = Sources(data=tuple(map(str, write_sets(tmp_path))))
    with pytest.raises(InputError, match=word):
        with_distilled(small_config(*change), sources, [str(distilled)], share)


def test_only_what_distill_made(tmp_path):
    first, second = write_sets(tmp_path)
    with pytest.raises(InputError, match="without weights"):
        with_distilled(small_config(), Sources(data=(str(first),)), [str(second)], 0.5)
    with pytest.raises(InputError, match="no .*distilled.npz"):
        with_distilled(small_config(), Sources(data=(str(first),)), [str(tmp_path)], 0.5)
    with pytest.raises(InputError, match="no .*nowhere"):
        with_distilled(small_config(), Sources(data=(str(first),)), [str(Path("nowhere"))], 0.5)
