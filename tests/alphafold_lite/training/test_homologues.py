import numpy as np
import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.training.chains import ChainSet
from alphafold_lite.training.config import HomologueConfig
from alphafold_lite.training.crops import Crop
from alphafold_lite.training.dataset import collate, make_example
from alphafold_lite.training.homologues import Homologues, Relatives, draw_hits, to_arrays, to_runs
from alphafold_lite.training.plan import Plan
from data_pipeline.search.library_hit import LibraryHit
from tests.support.training_runs import open_sets, small_config

QUERY, CHAIN = np.array([2, 3, 4, 8, 9, 12]), np.array([0, 1, 2, 5, 6, 10])


def hit(name="b", e_value=1e-20, identity=0.4, pairs=(QUERY, CHAIN)):
    return LibraryHit(
        chain=7, name=name, e_value=e_value, score=50.0, identity=identity, coverage=0.3, query_index=pairs[0],
        chain_index=pairs[1],
    )  # fmt: skip


@pytest.fixture
def sets(tmp_path):
    return open_sets(tmp_path)


@pytest.fixture
def named(sets, tmp_path):
    """A file in which the first chain has two hits: the second chain, and one that is in no set."""
    query, other = sets[0].ids[0], sets[0].ids[1]
    path = tmp_path / "hits.npz"
    np.savez(path, **to_arrays([(query, [hit(other), hit("elsewhere", 1e-9)]), (other, [])]))
    return Homologues.open(path, sets), query, other


def test_runs_are_the_same_pairs():
    runs = to_runs(QUERY, CHAIN)
    assert runs.tolist() == [[2, 0, 3], [8, 5, 2], [12, 10, 1]]


def test_hits_come_back_as_they_were_and_only_on_chains_that_are_there(named):
    homologues, query, other = named
    (only,) = homologues.hits(query)
    assert (only.name, only.score, only.identity) == (other, 50.0, pytest.approx(0.4))
    assert only.e_value == pytest.approx(1e-20, rel=1e-4)
    assert (only.query_index == QUERY).all() and (only.chain_index == CHAIN).all()
    assert homologues.hits(other) == [] and homologues.hits("unknown") == []


def test_a_template_stands_where_the_alignment_says(named, sets):
    homologues, query, other = named
    chain, source = sets[0][0], sets[0][1]
    crop = Crop(chain=chain, start=3, stop=11)
    found = Relatives(hits=homologues.hits(query), source=homologues).templates(crop, 2)
    inside = (QUERY >= 3) & (QUERY < 11)
    assert found.names == (other,) and found.coverage[0] == pytest.approx(0.3)
    assert np.flatnonzero(found.atom_mask[0, :, 1]).tolist() == (QUERY[inside] - 3).tolist()
    ours = found.atom_positions[0, QUERY[inside] - 3, 1]
    assert np.array_equal(ours, source.atom37_positions[CHAIN[inside], 1])
    assert (found.aatype[0, QUERY[inside] - 3] == source.aatype[CHAIN[inside]]).all()
    assert (found.aatype[0, [2, 3, 4]] == 21).all()


def test_no_places_no_hits(named, sets):
    homologues, query, _ = named
    crop = Crop(chain=sets[0][0], start=0, stop=8)
    assert Relatives(hits=homologues.hits(query), source=homologues).templates(crop, 0) is None
    empty = Relatives(hits=[], source=homologues).templates(crop, 2)
    assert empty.names == () and empty.atom_mask.shape == (0, 8, 37)


def test_carried_profiles_are_those_of_the_hit(named, sets):
    homologues, query, _ = named
    crop = Crop(chain=sets[0][0], start=3, stop=11)
    found = Relatives(hits=homologues.hits(query), source=homologues).carried(crop)
    profile, trust = found.frequencies, found.trust
    inside = (QUERY >= 3) & (QUERY < 11)
    assert np.flatnonzero(trust).tolist() == (QUERY[inside] - 3).tolist() and trust.max() == 1.0
    theirs = sets[0][1].profile[CHAIN[inside]]
    assert np.allclose(profile[QUERY[inside] - 3], theirs / theirs.sum(-1, keepdims=True), atol=1e-6)


def test_near_relatives_are_left_out_more_often_than_far_ones():
    config = HomologueConfig(limited_share=1.0, least_limit=0.2, most_identity=0.95, dropped=0.0)
    hits = [hit("near", identity=0.9), hit("far", identity=0.25), hit("same", identity=0.96)]
    draws = [{h.name for h in draw_hits(hits, config, np.random.default_rng(seed))} for seed in range(300)]
    near, far = (sum(name in draw for draw in draws) / 300 for name in ("near", "far"))
    assert near == pytest.approx(0.05 / 0.75, abs=0.05) and far == pytest.approx(0.7 / 0.75, abs=0.05)
    assert not any("same" in draw for draw in draws)


def test_dropped_hits_keep_their_order():
    config = HomologueConfig(limited_share=0.0, dropped=0.5)
    hits = [hit(str(number)) for number in range(20)]
    kept = [h.name for h in draw_hits(hits, config, np.random.default_rng(0))]
    assert kept == sorted(kept, key=int) and 3 < len(kept) < 17


@pytest.mark.parametrize("deep", [False, True])
def test_samples_with_and_without_relatives_share_a_batch(named, sets, deep):
    homologues, _, _ = named
    config = small_config(
        "data.templates.homologues=1.0", "data.templates.none=0", "data.templates.corrupted=0", "data.inputs.carried=1.0",
        "data.inputs.carried_in_deep=1.0", "data.templates.homologue.limited_share=0", "data.templates.homologue.dropped=0",
    )  # fmt: skip
    plan = Plan(passes=2, deep=deep, templates=2)
    examples = [make_example(sets[0][n], config, plan, np.random.default_rng(n), homologues=homologues) for n in (0, 1)]
    batch = collate(examples)
    assert batch.passes[0].templates.mask.tolist() == [[1.0, 0.0], [0.0, 0.0]]
    assert batch.passes[0].templates.quality[0, 0].tolist() == pytest.approx([1.0, 20 / 30, 0.4, 0.3], abs=1e-4)


def test_a_file_of_another_kind_is_refused(tmp_path, sets):
    path = tmp_path / "hits.npz"
    np.savez(path, query=np.array(["a"]))
    with pytest.raises(InputError, match="without hit_offset"):
        Homologues.open(path, sets)


def test_sets_may_be_a_part(named, sets, tmp_path):
    _, query, _ = named
    only: ChainSet = sets[0].select([0])
    assert Homologues.open(tmp_path / "hits.npz", [only]).hits(query) == []
