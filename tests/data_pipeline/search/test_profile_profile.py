from dataclasses import replace

import numpy as np
import pytest

from data_pipeline.search import profile_profile as pp
from data_pipeline.search.base import Query
from data_pipeline.search.hmms import background_frequencies, emissions, one_hot
from data_pipeline.search.library_hit import library_hit
from data_pipeline.search.profile_profile import ProfileProfileSearch
from tests.support.packed_library import PackedLibrary
from tests.support.planted_families import drawn, family_profile, made_up_library, mutated, random_sequence

NUM_CHAINS = 520


@pytest.fixture(scope="module")
def library():
    return made_up_library(np.random.default_rng(3), NUM_CHAINS)


@pytest.fixture(scope="module")
def search(library):
    return ProfileProfileSearch(library)


def _query(sequence: str) -> Query:
    return Query(name="q", sequence=sequence)


def _profile(library, chain: int, rng: np.random.Generator) -> np.ndarray:
    """The family's frequencies as another alignment of it would show them."""
    noisy = library.profile(chain) + 0.3 * rng.dirichlet(np.full(20, 0.5), len(library.profile(chain)))
    return (0.9 * noisy / noisy.sum(1, keepdims=True) + 0.1 * background_frequencies()).astype(np.float32)


def _plain_alignment(scores: np.ndarray) -> np.ndarray:
    """Best score of a local alignment that ends at each pair, by the textbook's three tables."""
    rows, columns = scores.shape
    match, above, left = (np.full((rows + 1, columns + 1), start) for start in (0.0, -np.inf, -np.inf))
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            above[i, j] = max(above[i - 1, j] - pp.GAP_EXTEND, match[i - 1, j] - pp.GAP_OPEN)
            left[i, j] = max(left[i, j - 1] - pp.GAP_EXTEND, match[i, j - 1] - pp.GAP_OPEN)
            match[i, j] = max(0.0, match[i - 1, j - 1] + scores[i - 1, j - 1], above[i, j], left[i, j])
    return match[1:, 1:]


def _side_by_side(parts: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Scores of several chains with places between them, and where each begins."""
    between = np.full((len(parts[0]), 1), pp._BETWEEN, np.float32)
    starts = np.append(0, np.cumsum([part.shape[1] + 1 for part in parts]))[:-1]
    return np.concatenate([block for part in parts for block in (between, part)] + [between], axis=1), starts


@pytest.fixture
def random_scores():
    rng = np.random.default_rng(0)
    parts = [rng.normal(-0.3, 2.0, (30, length)).astype(np.float32) for length in (25, 1, 40, 33)]
    parts.append(np.full((30, 12), -2.0, np.float32))  # nothing fits
    parts.append(np.full((30, 30), -3.0, np.float32) + 9 * np.eye(30, dtype=np.float32)[:, ::-1].T)
    return parts


def test_scores_are_those_of_the_plain_recursion(random_scores):
    scores, starts = _side_by_side(random_scores)
    expected = [_plain_alignment(part.astype(np.float64)).max() for part in random_scores]
    np.testing.assert_allclose(pp._best_local(scores, starts), expected, atol=1e-4)
    assert expected[4] == 0.0 and max(expected[:4]) > 20


def test_gapless_scores_are_the_best_pieces_of_diagonals(random_scores):
    scores, starts = _side_by_side(random_scores)
    expected = []
    for part in random_scores:
        sums = [0.0]
        for offset in range(-part.shape[0] + 1, part.shape[1]):
            diagonal = np.append(0.0, np.cumsum(np.diagonal(part, offset)))
            sums += [float((diagonal - np.minimum.accumulate(diagonal)).max())]
        expected.append(max(sums))
    np.testing.assert_allclose(pp._best_diagonal(scores, starts), expected, atol=1e-4)


def test_a_family_is_found_by_its_profile_where_the_sequence_is_of_no_use(library, search):
    rng = np.random.default_rng(5)
    for chain in (0, 17, 300):
        profile = _profile(library, chain, rng)
        sequence = random_sequence(rng, len(profile))  # says nothing
        best = search.search(_query(sequence), profile)[0]
        assert (best.chain, best.name) == (chain, library.chain_names[chain]) and best.e_value < 1e-6
        assert best.coverage > 0.9 and np.array_equal(best.query_index, best.chain_index)
        equal = [
            sequence[i] == library.chain_sequences[chain][j]
            for i, j in zip(best.query_index, best.chain_index, strict=True)
        ]
        assert best.identity == pytest.approx(np.mean(equal))


def test_gaps_are_found_where_they_were_planted(library, search):
    rng = np.random.default_rng(6)
    whole = _profile(library, 40, rng)
    noise = np.tile(background_frequencies(), (6, 1))
    length = len(whole)
    profile = np.concatenate([whole[:20], noise, whole[20 : length - 25], whole[length - 20 :]])  # 6 more, 5 fewer
    best = search.search(_query(random_sequence(rng, len(profile))), profile.astype(np.float32))[0]
    expected = {(i, i) for i in range(20)} | {(i + 6, i) for i in range(20, length - 25)}
    expected |= {(i + 1, i) for i in range(length - 20, length)}
    found = set(zip(best.query_index.tolist(), best.chain_index.tolist(), strict=True))
    assert best.chain == 40 and len(expected & found) >= 0.9 * len(expected) and len(found - expected) <= 8


def test_e_values_of_unrelated_profiles_are_what_they_say(library, search):
    rng = np.random.default_rng(7)
    found = []
    for _ in range(20):
        sequence = random_sequence(rng, int(rng.integers(60, 141)))
        profile = 0.9 * family_profile(rng, sequence) + 0.1 * background_frequencies()
        found += search.search(_query(sequence), profile.astype(np.float32), max_e_value=1.0, max_hits=1000)
    assert 5 <= len(found) <= 50  # 20 expected
    assert sum(hit.e_value < 1e-3 for hit in found) <= 1  # 0.02 expected


def test_chains_left_out_change_nothing_for_the_others(library, search):
    rng = np.random.default_rng(8)
    query, profile = _query(random_sequence(rng, len(library.profile(9)))), _profile(library, 9, rng)
    everything = search.search(query, profile, max_e_value=50.0, max_hits=1000)
    assert len(everything) > 5 and [hit.e_value for hit in everything] == sorted(hit.e_value for hit in everything)
    rest = search.search(query, profile, exclude={9}, max_e_value=50.0, max_hits=1000)
    assert [(hit.chain, hit.e_value) for hit in rest] == [(hit.chain, hit.e_value) for hit in everything[1:]]
    few = search.search(query, profile, max_e_value=50.0, max_hits=3)
    assert [hit.chain for hit in few] == [hit.chain for hit in everything[:3]]
    assert [hit.chain for hit in search.search(query, profile)] == [9]


def test_hits_of_another_search_are_aligned_as_well(library, search):
    rng = np.random.default_rng(12)
    query, profile = _query(random_sequence(rng, len(library.profile(9)))), _profile(library, 9, rng)
    (alone,) = search.search(query, profile)
    pair = (np.array([0]), np.array([5]))
    other = library_hit(query, library, 30, pair, e_value=0.5, score=7.0)
    same = library_hit(query, library, 9, pair, e_value=1.0, score=1.0)
    surer = replace(same, e_value=1e-300)
    first, second = search.search(query, profile, known=(other, same))
    assert (
        first.chain == 9 and first.e_value == alone.e_value and first.sum_probs == alone.sum_probs > 0.9 * len(profile)
    )
    assert (second.chain, second.e_value, second.score) == (30, 0.5, 7.0) and len(second.query_index) > 1
    assert search.search(query, profile, known=(surer,))[0].e_value == 1e-300
    nothing = np.tile(background_frequencies(), (len(profile), 1))
    assert search.search(query, nothing, known=(other,)) == (other,)  # no pair is likely


def test_of_a_family_the_nearest_chain_comes_first(library):
    rng = np.random.default_rng(13)
    family = library.profile(50)
    query = _query(drawn(rng, family))
    sequences, profiles = list(library.chain_sequences), list(library.profiles)
    for chain in range(50, 55):
        sequences[chain], profiles[chain] = drawn(rng, family), family
    sequences[53] = mutated(rng, query.sequence, 0.2)
    profiles[53] = 0.7 * family + 0.3 * rng.dirichlet(np.full(20, 0.5), len(family)).astype(np.float32)
    search = ProfileProfileSearch(PackedLibrary(library.chain_names, tuple(sequences), profiles))
    hits = search.search(query, _profile(library, 50, rng))
    assert {hit.chain for hit in hits} == set(range(50, 55)) and hits[0].chain == 53
    assert hits[0].e_value > min(hit.e_value for hit in hits) and hits[0].identity > 0.7


def test_blocks_change_nothing(library, search, monkeypatch):
    rng = np.random.default_rng(9)
    query, profile = _query(random_sequence(rng, len(library.profile(3)))), _profile(library, 3, rng)
    whole = search.search(query, profile, max_e_value=50.0)
    monkeypatch.setattr(pp, "_BLOCK_RESIDUES", 500)
    small = ProfileProfileSearch(library).search(query, profile, max_e_value=50.0)
    assert [hit.chain for hit in small] == [hit.chain for hit in whole]
    np.testing.assert_allclose([hit.score for hit in small], [hit.score for hit in whole], rtol=1e-4)


def test_a_chain_without_profile_is_compared_by_its_sequence(library, search):
    rng, last = np.random.default_rng(10), NUM_CHAINS - 1
    assert library.profile(last) is None
    sequence = mutated(rng, library.chain_sequences[last], 0.3)
    best = search.search(_query(sequence), emissions(sequence, None))[0]
    assert best.chain == last and best.e_value < 1e-3


def test_unknown_residues_of_chain_and_query_say_nothing(library):
    rng = np.random.default_rng(11)
    sequences, profiles = list(library.chain_sequences), list(library.profiles)
    sequences[5] = sequences[5][:30] + "XXXX" + sequences[5][34:]
    profiles[5] = np.where(np.arange(len(sequences[5]))[:, None] // 4 == 8, 0.0, profiles[5]).astype(np.float32)
    changed = ProfileProfileSearch(PackedLibrary(library.chain_names, tuple(sequences), profiles))
    best = changed.search(_query(random_sequence(rng, len(profiles[5]))), _profile(library, 5, rng))[0]
    assert best.chain == 5 and np.array_equal(best.query_index, best.chain_index)
    nothing = np.tile(background_frequencies(), (80, 1))
    assert changed.search(_query("X" * 80), nothing, max_e_value=1e6) == ()


def test_where_chance_cannot_be_judged_nothing_is_searched(library):
    few = PackedLibrary(library.chain_names[:499], library.chain_sequences[:499], library.profiles[:499])
    search = ProfileProfileSearch(few)
    sequence = library.chain_sequences[0]
    assert not search.can_search(_query(sequence)) and search.search(_query(sequence), one_hot(sequence)) == ()
    whole = ProfileProfileSearch(library)
    assert whole.can_search(_query("A" * 5000)) and not whole.can_search(_query("A" * 5001))
