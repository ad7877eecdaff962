from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.common.errors import TargetError
from data_pipeline.search.base import Query
from data_pipeline.search.library_hit import LibraryHit, carried_profile
from data_pipeline.search.profile_scan import ProfileScan
from tests.support.planted_families import drawn, made_up_library, mutated, random_sequence


@pytest.fixture(scope="module")
def library():
    return made_up_library(np.random.default_rng(11))


@pytest.fixture(scope="module")
def scan(library):
    return ProfileScan(library)


def _query(sequence: str) -> Query:
    return Query(name="q", sequence=sequence)


def _member(library, chain: int, seed: int = 0) -> str:
    return drawn(np.random.default_rng(seed), library.profile(chain))


def _same(left: tuple[LibraryHit, ...], right: tuple[LibraryHit, ...]) -> bool:
    def plain(hit: LibraryHit) -> tuple:
        return (
            hit.chain,
            hit.name,
            hit.e_value,
            hit.score,
            hit.identity,
            hit.coverage,
            hit.query_index.tobytes(),
            hit.chain_index.tobytes(),
        )

    return [plain(hit) for hit in left] == [plain(hit) for hit in right]


@pytest.mark.parametrize("chain", [0, 7, 21])
def test_a_member_of_a_family_is_found_and_aligned_end_to_end(library, scan, chain: int) -> None:
    sequence = _member(library, chain)
    best = scan.scan(_query(sequence))[0]
    assert (best.chain, best.name) == (chain, library.chain_names[chain])
    assert best.e_value < 1e-6
    assert best.coverage > 0.9
    np.testing.assert_array_equal(best.query_index, best.chain_index)
    equal = sum(a == b for a, b in zip(sequence, library.chain_sequences[chain], strict=True))
    assert best.identity == pytest.approx(equal / len(sequence), abs=0.1)


def test_gaps_are_found_where_they_were_planted(library, scan) -> None:
    member, rng = _member(library, 3), np.random.default_rng(5)
    length = len(member)
    sequence = member[:30] + random_sequence(rng, 6) + member[30:50] + member[54:]
    planted = {index: index for index in range(30)}
    planted |= {index + 6: index for index in range(30, 50)}
    planted |= {index + 2: index for index in range(54, length)}
    best = scan.scan(_query(sequence))[0]
    pairs = dict(zip(best.query_index.tolist(), best.chain_index.tolist(), strict=True))
    right = sum(planted.get(query) == chain for query, chain in pairs.items())
    assert best.chain == 3
    assert right >= 0.9 * len(planted)


def test_colinear_domains_become_one_alignment(library, scan) -> None:
    member, rng = _member(library, 5), np.random.default_rng(6)
    half = len(member) // 2
    best = scan.scan(_query(member[:half] + random_sequence(rng, 150) + member[half:]))[0]
    assert best.chain == 5
    assert len(best.query_index) > 0.8 * len(member)
    assert best.chain_index[0] < half < best.chain_index[-1]
    assert best.query_index[-1] - best.query_index[0] > 150


@pytest.mark.parametrize("tail", ["whole", "swapped"])
def test_repeats_and_swapped_halves_give_increasing_pairs(library, scan, tail: str) -> None:
    member, second = _member(library, 9), _member(library, 9, seed=1)
    half = len(member) // 2
    sequence = member + second if tail == "whole" else member[half:] + second[:half]
    best = scan.scan(_query(sequence))[0]
    assert best.chain == 9
    assert (np.diff(best.query_index) > 0).all()
    assert (np.diff(best.chain_index) > 0).all()
    assert best.query_index[-1] < len(sequence)
    assert best.chain_index[-1] < len(member)


def test_excluded_chains_are_never_hit_and_change_no_e_value(library, scan) -> None:
    sequence = _member(library, 4) + _member(library, 12)
    both = scan.scan(_query(sequence))
    assert {hit.chain for hit in both} >= {4, 12}
    rest = scan.scan(_query(sequence), exclude={4})
    assert _same(rest, tuple(hit for hit in both if hit.chain != 4))
    assert scan.scan(_query(sequence), exclude=range(library.num_chains)) == ()


def test_excluded_chains_take_no_place_among_the_hits(library, scan) -> None:
    sequence = _member(library, 4) + _member(library, 12)
    first, second = scan.scan(_query(sequence), max_hits=2)
    assert _same(scan.scan(_query(sequence), exclude={first.chain}, max_hits=1), (second,))


@pytest.mark.parametrize(
    "settings", [{"block_chains": 7}, {"block_chains": 7, "keep_models": False}, {"threads": 3, "block_chains": 5}]
)
def test_blocks_and_threads_change_nothing(library, scan, settings: dict) -> None:
    query = _query(_member(library, 4) + _member(library, 12) + _member(library, 30))
    whole = scan.scan(query, max_e_value=10.0)
    assert len(whole) >= 3
    other = ProfileScan(library, **settings)
    assert _same(other.scan(query, max_e_value=10.0), whole)
    assert _same(other.scan(query, max_e_value=10.0), whole)  # and again, with what the first scan left


def test_hits_come_best_first_and_no_more_than_asked_for(library, scan) -> None:
    query = _query(_member(library, 4) + _member(library, 12) + _member(library, 30))
    everything = scan.scan(query, max_e_value=100.0, max_hits=1000)
    assert [hit.e_value for hit in everything] == sorted(hit.e_value for hit in everything)
    assert _same(scan.scan(query, max_e_value=100.0, max_hits=2), everything[:2])
    assert all(hit.e_value <= 1e-3 for hit in scan.scan(query))


def test_e_values_refer_to_the_whole_library(library) -> None:
    query = _query(_member(library, 4))
    small = replace(library, chain_names=library.chain_names[:10], chain_sequences=library.chain_sequences[:10])
    of_ten, of_all = ProfileScan(small).scan(query)[0], ProfileScan(library).scan(query)[0]
    assert of_all.e_value / of_ten.e_value == pytest.approx(library.num_chains / 10, rel=1e-4)


def test_unrelated_queries_find_nothing(scan) -> None:
    rng = np.random.default_rng(3)
    found = [scan.scan(_query(random_sequence(rng, 150)), max_e_value=1.0) for _ in range(40)]
    assert sum(hit.e_value < 1e-3 for hits in found for hit in hits) == 0
    assert sum(map(len, found)) <= 40  # at most one a query is expected at E < 1


def test_a_chain_without_a_profile_is_found_by_its_sequence(library, scan) -> None:
    last = library.num_chains - 1
    assert library.profile(last) is None
    sequence = mutated(np.random.default_rng(2), library.chain_sequences[last], 0.3)
    assert scan.scan(_query(sequence))[0].chain == last


def test_unknown_residues_are_aligned_but_never_identical(library, scan) -> None:
    sequence = list(library.chain_sequences[7])
    sequence[10:100:10] = "X" * 9
    best = scan.scan(_query("".join(sequence)))[0]
    assert best.chain == 7
    assert len(best.query_index) == len(sequence)
    assert best.identity == pytest.approx(1 - 9 / len(sequence))


@pytest.mark.parametrize("sequence", ["M", "X", "MK", "X" * 50, "A" * 30, "MKTAYIAKQRQISFVKSHFSRQLEERLGLI"])
def test_short_and_empty_queries_are_harmless(scan, sequence: str) -> None:
    assert scan.scan(_query(sequence)) == ()


def test_a_query_of_thirty_residues_can_hit(library, scan) -> None:
    best = scan.scan(_query(library.chain_sequences[7][20:50]))[0]
    assert (best.chain, best.chain_index[0] - best.query_index[0]) == (7, 20)


def test_a_query_of_a_thousand_residues(library, scan) -> None:
    rng = np.random.default_rng(8)
    member = _member(library, 7)
    sequence = random_sequence(rng, 600) + member + random_sequence(rng, 400 - len(member))
    best = scan.scan(_query(sequence))[0]
    assert (best.chain, best.coverage) == (7, len(best.query_index) / 1000)
    assert (best.query_index - best.chain_index == 600).mean() > 0.9


def test_too_long_a_query_is_refused(scan) -> None:
    with pytest.raises(TargetError, match="at most 100000 residues"):
        scan.scan(_query("A" * 100_001))


def test_a_library_without_chains_gives_no_hit(library) -> None:
    empty = replace(library, chain_names=(), chain_sequences=(), profiles=[])
    assert ProfileScan(empty).scan(_query("MKTAYIAKQR" * 5)) == ()


def _hit(chain: int, e_value: float, query_index: list[int], chain_index: list[int]) -> LibraryHit:
    return LibraryHit(
        chain=chain, name=str(chain), e_value=e_value, score=1.0, identity=0.5, coverage=0.5,
        query_index=np.array(query_index), chain_index=np.array(chain_index),
    )  # fmt: skip


def test_profiles_move_onto_the_query_along_the_alignment(library) -> None:
    carried = carried_profile([_hit(2, 1e-20, [1, 2, 5], [10, 11, 12])], library, 7)
    frequencies, trust = carried.frequencies, carried.trust
    np.testing.assert_allclose(frequencies[[1, 2, 5]], library.profile(2)[10:13], atol=1e-6)
    assert not frequencies[[0, 3, 4, 6]].any()
    np.testing.assert_array_equal(trust, [0, 1, 1, 0, 0, 1, 0])


def test_several_profiles_are_averaged_by_their_certainty(library) -> None:
    hits = [_hit(2, 1e-8, [0, 1], [4, 5]), _hit(3, 1e-2, [1, 2], [7, 8])]
    carried = carried_profile(hits, library, 3)
    frequencies, trust = carried.frequencies, carried.trust
    np.testing.assert_allclose(trust, [0.8, 0.8, 0.2], atol=1e-6)
    np.testing.assert_allclose(frequencies[1], (0.8 * library.profile(2)[5] + 0.2 * library.profile(3)[7]), atol=1e-6)
    np.testing.assert_allclose(frequencies.sum(axis=1), 1.0, atol=1e-5)


def test_chains_without_a_profile_carry_nothing(library) -> None:
    carried = carried_profile([_hit(library.num_chains - 1, 0.0, [0], [0])], library, 2)
    assert not carried.frequencies.any()
    assert not carried.trust.any()
    assert carried_profile([], library, 4).frequencies.shape == (4, 20)
