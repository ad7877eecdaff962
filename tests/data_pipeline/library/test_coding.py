"""The closed-loop coder on made-up chains: small errors, whatever the torsions, and no accumulation."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.library.coding import decode, encode
from tests.support.synthetic_backbones import backbone, errors


def round_trip(chains):
    offsets = np.append(0, np.cumsum([len(chain) for chain in chains]))
    coded = encode(np.concatenate(chains), offsets)
    decoded = decode(coded.codes, offsets)
    return coded, [decoded[start:end] for start, end in pairwise(offsets)]


def dihedral(a, b, c, d):
    first, second = np.cross(b - a, c - b), np.cross(c - b, d - c)
    return np.arctan2((np.cross(first, second) * (c - b)).sum() / np.linalg.norm(c - b), (first * second).sum())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 80), min_size=1, max_size=4))
def test_every_chain_comes_back(seed, lengths):
    chains = [backbone(seed + number, length) for number, length in enumerate(lengths)]
    coded, decoded = round_trip(chains)
    assert coded.codes.shape == (sum(lengths), 6) and coded.codes.dtype == np.int8
    for chain, back, worst, worst_oxygen in zip(chains, decoded, coded.worst_backbone, coded.worst_oxygen, strict=True):
        assert back.shape == chain.shape
        assert worst < 0.3 and worst_oxygen < 0.7
        if len(chain) > 2:
            assert errors(back, chain)[:, :3].max() < 0.3


def test_errors_do_not_add_up_along_the_chain():
    chain = backbone(1, 800)
    coded, (back,) = round_trip([chain])
    found = errors(back, chain)[:, 1]
    assert found[-100:].mean() < 0.06 and found[:100].mean() < 0.06
    assert coded.worst_backbone[0] < 0.3


def test_errors_are_those_of_the_decoded_chain():
    chain = backbone(3, 60)
    coded, (back,) = round_trip([chain])
    # Superposition can only make the mean square smaller; the worst atom stays near.
    found = errors(back, chain)
    assert found[:, :3].max() == pytest.approx(coded.worst_backbone[0], abs=0.08)
    assert found[:, 3].max() == pytest.approx(coded.worst_oxygen[0], abs=0.08)


def test_cis_bonds_and_handedness_survive():
    chain = backbone(4, 50, cis=(10, 30))
    _, (back,) = round_trip([chain])
    for place in (9, 10, 11, 30):
        omega = [dihedral(a[place - 1, 1], a[place - 1, 2], a[place, 0], a[place, 1]) for a in (chain, back)]
        assert np.cos(omega[0] - omega[1]) > np.cos(np.deg2rad(12))
    mirrored = chain * np.array([1, 1, -1], np.float32)
    _, (other,) = round_trip([mirrored])
    assert errors(other, mirrored)[:, 1].max() < 0.2
    assert errors(other, chain)[:, 1].mean() > 1


def test_moving_a_chain_changes_no_code():
    chain = backbone(5, 40).astype(np.float64)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    offsets = np.array([0, 40])
    np.testing.assert_array_equal(encode(chain, offsets).codes, encode(chain @ turn + 50, offsets).codes)


def test_chains_do_not_see_each_other():
    chains = [backbone(seed, length) for seed, length in ((1, 30), (2, 75), (3, 4), (4, 31))]
    together, _ = round_trip(chains)
    alone = [round_trip([chain])[0].codes for chain in chains]
    np.testing.assert_array_equal(together.codes, np.concatenate(alone))


def test_many_batches(monkeypatch):
    chains = [backbone(seed, 5 + 3 * seed) for seed in range(8)]
    one, _ = round_trip(chains)
    monkeypatch.setattr("data_pipeline.library.coding._BATCH_ROWS", 40)
    many, _ = round_trip(chains)
    np.testing.assert_array_equal(one.codes, many.codes)


@pytest.mark.parametrize("kind", ["break", "coinciding", "straight"])
def test_what_cannot_be_coded_is_seen_in_the_error(kind):
    chain = backbone(6, 30, breaks=(12,) if kind == "break" else ())
    if kind == "coinciding":
        chain[10:] = chain[10]
    if kind == "straight":
        chain = (np.arange(120).reshape(30, 4, 1) * np.array([1.4, 0, 0])).astype(np.float32)
    coded, (back,) = round_trip([chain])
    assert coded.worst_backbone[0] > 0.5
    assert np.isfinite(back).all() and np.isfinite(coded.worst_backbone).all()


def test_no_chain_at_all():
    empty = np.zeros((0, 4, 3), np.float32)
    coded = encode(empty, np.array([0]))
    assert coded.codes.shape == (0, 6) and coded.worst_backbone.shape == (0,)
    assert decode(coded.codes, np.array([0])).shape == (0, 4, 3)
