"""E-values and hits of a scan over real chains with real profiles (the validation part of the shared data)."""

import numpy as np
import pytest

from data_pipeline.search.base import Query
from data_pipeline.search.profile_scan import ProfileScan
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
