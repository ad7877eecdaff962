"""What is packed comes back, equal contents give equal bytes, and contents that do not fit together are refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from alphafold_lite.common.errors import InputError
from data_pipeline.library import packing
from data_pipeline.library.library import Library, frequencies
from data_pipeline.library.packing import new_chains, pack_raw, quantised, unpack_raw, write_library
from tests.support.synthetic_backbones import contents, errors


@settings(max_examples=30, deadline=None)
@given(arrays.arrays(np.int32, st.tuples(st.integers(0, 9), st.just(12)), elements=st.integers(-(2**30), 2**30)))
def test_raw_coordinates_are_exact(values):
    np.testing.assert_array_equal(unpack_raw(pack_raw(values)), values)


def test_raw_coordinates_of_an_odd_size_are_refused():
    with pytest.raises(ValueError, match="reshape"):
        unpack_raw(b"12345")


def test_equal_contents_give_equal_bytes(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_library(contents(), tmp_path / folder)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["backbones.xz", "chains.xz", "manifest.json", "profiles.xz", "sequences.xz"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_blocks_hold_the_same_as_one_block(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "_BLOCK_RESIDUES", 70)
    given_contents = contents((40, 25, 60, 90, 20), breaks=(1, 3, 4))
    manifest = write_library(given_contents, tmp_path)
    assert manifest.block_starts == (0, 2, 3, 4, 5)
    assert manifest.raw_chains == (1, 3, 4)
    library = Library.open(tmp_path)
    for chain, backbone in reversed(list(enumerate(given_contents.backbones))):
        assert errors(library.backbone(chain), backbone).max() < (0.02 if chain in (1, 3, 4) else 0.5)
        np.testing.assert_array_equal(library.profile(chain), frequencies(given_contents.profiles[chain]))


def test_the_limits_decide_what_is_stored_raw(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "MAX_OXYGEN_ERROR", 0.0)
    given_contents = contents()
    assert write_library(given_contents, tmp_path).raw_chains == (0, 1, 2)
    for chain, backbone in enumerate(given_contents.backbones):
        assert errors(Library.open(tmp_path).backbone(chain), backbone).max() < 0.02


def test_three_bits_keep_profiles_within_their_step():
    profile = np.random.default_rng(0).dirichlet(np.full(20, 0.3), 500)
    packed = quantised(profile)
    assert packed.dtype == np.uint8 and packed.max() <= 7
    back = frequencies(packed)
    np.testing.assert_allclose(back.sum(-1), 1, atol=1e-6)
    assert np.abs(np.sqrt(back) - np.sqrt(profile)).mean() < 0.5 / 7
    assert np.abs(back - profile).sum(-1).mean() < 0.25
    one_hot = np.eye(20)
    np.testing.assert_array_equal(frequencies(quantised(one_hot)), one_hot)
    np.testing.assert_array_equal(frequencies(np.zeros((2, 20), np.uint8)), 0)


def test_sequences_that_are_there_already_are_not_listed_again():
    assert new_chains(["AA", "CC", "AA", "DD"], ["DD", "EE"]) == (0, 1)
    assert new_chains([], ["A"]) == ()


def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="a writable file"):
        write_library(contents(), tmp_path / "absent")


def broken(good):
    backbones = good.backbones
    yield "short", {"chain_names": good.chain_names[:-1]}
    yield "sequences", {"sequence_names": good.sequence_names[:-1]}
    yield "twice", {"chain_names": ("A", "A", "B")}
    yield "residues", {"backbones": (backbones[0][:-1], *backbones[1:])}
    yield "nan", {"backbones": (backbones[0] * np.nan, *backbones[1:])}
    yield "far", {"backbones": (backbones[0] + np.float32(1e7), *backbones[1:])}
    yield "profiles", {"profiles": good.profiles[::-1]}


@pytest.mark.parametrize("kind", ["short", "sequences", "twice", "residues", "nan", "far", "profiles"])
def test_contents_that_do_not_fit_together(kind):
    good = contents()
    with pytest.raises(InputError):
        replace(good, **dict(broken(good))[kind])
