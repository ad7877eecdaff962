from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.training.config import InputMix
from alphafold_lite.training.crops import Crop
from alphafold_lite.training.inputs import choose_kind, draw_inputs, log_uniform, pad, profile_rows, thinned
from tests.support.training_runs import open_sets, small_config


@pytest.fixture
def chain(tmp_path):
    return open_sets(tmp_path)[0][0]  # with a profile


@pytest.fixture
def crop(chain):
    return Crop(chain=chain, start=4, stop=20)


@pytest.fixture
def data():
    return replace(small_config().data, masked_fraction=0.0)


def draw(crop, kind, data, seed=0, passes=1):
    return draw_inputs(crop, kind, data, np.random.default_rng(seed), passes=passes)


@pytest.fixture
def aligned(chain, tmp_path):
    path = tmp_path / "chain.a3m"
    variants = [chain.sequence[:i] + "aa-" + chain.sequence[i + 1 :] for i in range(6)]
    path.write_text("".join(f">{i}\n{row}\n" for i, row in enumerate((chain.sequence, *variants))))
    return Crop(chain=replace(chain, alignment=path), start=4, stop=20)


def test_the_query_alone_is_one_row(crop, data):
    (found,) = draw(crop, "query", data)
    assert found.msa.tolist() == [crop.aatype.tolist()]
    assert (found.cluster_profile[0].argmax(-1) == crop.aatype).all()
    assert (found.residue_index == crop.residue_index).all()


def test_a_profile_replaces_that_of_the_query(crop, data):
    (found,) = draw(crop, "profile", data)
    assert found.msa.shape == (1, 16)
    assert (found.cluster_profile[0] == crop.profile).all()


def test_rows_drawn_from_a_profile_follow_it(crop):
    rows = profile_rows(crop.profile, 4000, np.random.default_rng(0))
    frequencies = (rows[..., None] == np.arange(23)).mean(0)
    assert np.abs(frequencies - crop.profile).max() < 0.04


def test_sampled_rows_stand_below_the_query(crop, data):
    depths = {len(draw(crop, "sampled", replace(data, max_clusters=99), seed)[0].msa) for seed in range(40)}
    assert min(depths) == 2 and max(depths) > 6
    assert all((draw(crop, "sampled", data, seed)[0].msa[0] == crop.aatype).all() for seed in range(5))


def test_alignments_are_cut_to_the_crop_with_their_deletions(aligned, data):
    (found,) = draw(aligned, "alignment", replace(data, block_deletion=False, max_clusters=9))
    assert found.msa.shape == (7, 16)
    assert (found.msa[0] == aligned.aatype).all()
    assert sorted((found.msa == 21).sum(-1)) == [0, 0, 0, 0, 0, 1, 1]  # gaps at positions 4 and 5 of the chain
    assert found.msa_has_deletion.sum() == 2


def test_every_pass_draws_anew(aligned, data):
    config = replace(data, max_clusters=2, max_extra=2, masked_fraction=0.3)
    first, second = draw(aligned, "alignment", config, passes=2)
    assert (first.true_msa != second.true_msa).any() or (first.bert_mask != second.bert_mask).any()


def test_thinning_keeps_the_query_and_meets_every_depth():
    depths = [len(thinned(200, 1.0, np.random.default_rng(seed))) for seed in range(300)]
    assert thinned(200, 1.0, np.random.default_rng(0))[0] == 0
    assert len(thinned(200, 0.0, np.random.default_rng(0))) == 200
    assert np.median(depths) == pytest.approx(14, abs=5)
    assert max(depths) > 120 and min(depths) <= 2


def test_log_uniform_stays_within_its_limits():
    drawn = [log_uniform(7, np.random.default_rng(seed)) for seed in range(200)]
    assert (min(drawn), max(drawn)) == (1, 7)
    assert log_uniform(0, np.random.default_rng(0)) == 0


def test_kinds_are_chosen_by_share_among_those_that_are_possible(crop, aligned, tmp_path):
    mix = InputMix(alignment=1.0, sampled=1.0, profile=3.0, query=1.0)
    rng = np.random.default_rng(0)
    single = [choose_kind(crop, mix, rng, deep=False) for _ in range(800)]
    assert single.count("profile") / 800 == pytest.approx(0.75, abs=0.05)
    assert {choose_kind(crop, mix, rng, deep=True) for _ in range(50)} == {"sampled"}
    assert {choose_kind(aligned, mix, rng, deep=True) for _ in range(50)} == {"sampled", "alignment"}
    bare = Crop(chain=replace(crop.chain, profile=None), start=0, stop=8)
    assert {choose_kind(bare, mix, rng, deep=deep) for deep in (True, False)} == {"query"}


def test_padding_is_masked(crop, data):
    (found,) = draw(crop, "sampled", data, seed=2)
    grown = pad(found, length=20, clusters=5, extra=6)
    assert (
        grown.msa.shape == (5, 20) and grown.extra_msa.shape == (6, 20) and grown.cluster_profile.shape == (5, 20, 23)
    )
    assert grown.seq_mask.tolist() == [1.0] * 16 + [0.0] * 4
    assert grown.msa_mask[: len(found.msa), :16].all() and grown.msa_mask.sum() == found.msa_mask.sum()
    assert grown.extra_msa_mask.sum() == found.extra_msa_mask.sum()
