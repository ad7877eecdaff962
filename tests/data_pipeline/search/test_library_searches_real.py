"""E-values and hits of both library searches over real chains with real profiles (the validation part of the shared data)."""

import numpy as np
import pytest

from alphafold_lite.common.features import CarriedProfile
from data_pipeline.msa import encode
from data_pipeline.search.base import Query
from data_pipeline.search.profile_profile import ProfileProfileSearch
from data_pipeline.search.profile_scan import ProfileScan
from data_pipeline.search.query_profile import query_profile
from tests.support.packed_library import from_sets
from tests.support.planted_families import random_sequence
from tests.support.reference import REFERENCE

CHAINS = REFERENCE.parent / "data" / "pdb_subset" / "backbone_valid.npz"


@pytest.fixture(scope="module")
def library():
    return from_sets([CHAINS])


@pytest.fixture(scope="module")
def scan(library):
    return ProfileScan(library)


@pytest.mark.parametrize("kind", ["reversed", "shuffled", "random"])
def test_e_values_of_queries_without_relatives_are_on_the_safe_side(library, scan, kind: str) -> None:
    rng = np.random.default_rng(1)
    found = []
    for chain in rng.choice(library.num_chains, 40, replace=False):
        sequence = library.chain_sequences[chain]
        made = {
            "reversed": sequence[::-1],
            "shuffled": "".join(rng.permutation(list(sequence))),
            "random": random_sequence(rng, len(sequence)),
        }[kind]
        found += scan.scan(Query(name="q", sequence=made), max_e_value=1.0)
    assert len(found) <= 40  # one a query is expected at E < 1 where E-values are exact
    assert sum(hit.e_value < 1e-3 for hit in found) <= 1  # 0.04 expected


def test_a_chain_hits_itself_end_to_end_and_its_relatives_without_it(library, scan) -> None:
    rng = np.random.default_rng(2)
    chains = [int(chain) for chain in rng.choice(library.num_chains, 40, replace=False)]
    itself = {chain: scan.scan(Query(name="q", sequence=library.chain_sequences[chain])) for chain in chains}
    own = [next((hit for hit in hits if hit.chain == chain), None) for chain, hits in itself.items()]
    assert sum(hit is not None for hit in own) >= 39
    assert np.mean([hit.coverage for hit in own if hit]) > 0.95
    assert all((hit.query_index == hit.chain_index).mean() > 0.9 for hit in own if hit)
    for chain, hits in itself.items():
        query = Query(name="q", sequence=library.chain_sequences[chain])
        without = scan.scan(query, exclude={chain})
        assert [hit.chain for hit in without][:19] == [hit.chain for hit in hits if hit.chain != chain][:19]


@pytest.fixture(scope="module")
def comparison(library):
    return ProfileProfileSearch(library)


def _profile(library, chain: int, order: np.ndarray) -> np.ndarray:
    """The query profile of a chain whose stored profile was carried over, its residues in some order."""
    stored, sequence = library.profile(chain)[order], np.array(list(library.chain_sequences[chain]))[order]
    trust = (stored.sum(1) > 0).astype(np.float32)
    return query_profile(encode(["".join(sequence)]), CarriedProfile(frequencies=stored, trust=trust))


def test_e_values_of_shuffled_profiles_are_on_the_safe_side(library, comparison) -> None:
    rng = np.random.default_rng(3)
    found = []
    for chain in rng.choice(library.num_chains, 20, replace=False):
        order = rng.permutation(len(library.chain_sequences[chain]))
        query = Query(name="q", sequence="".join(np.array(list(library.chain_sequences[chain]))[order]))
        found += comparison.search(query, _profile(library, chain, order), max_e_value=1.0)
    assert len(found) <= 40  # one a query is expected at E < 1 where E-values are exact
    assert sum(hit.e_value < 1e-3 for hit in found) <= 1  # 0.02 expected


def test_a_chain_is_most_like_itself_and_its_relatives_are_found_as_by_the_scan(library, scan, comparison) -> None:
    rng = np.random.default_rng(4)
    known = 0
    for chain in (int(chain) for chain in rng.choice(library.num_chains, 15, replace=False)):
        query = Query(name="q", sequence=library.chain_sequences[chain])
        profile = _profile(library, chain, np.arange(len(query.sequence)))
        first, *others = comparison.search(query, profile, max_hits=100)
        assert first.chain == chain and first.coverage > 0.95 and (first.query_index == first.chain_index).mean() > 0.98
        scanned = {hit.chain for hit in scan.scan(query, exclude={chain}, max_e_value=1e-6)}
        assert len(scanned - {hit.chain for hit in others}) <= len(scanned) / 4
        known += len(scanned)
    assert known > 0
