import numpy as np

from data_pipeline.search.library_hit import LibraryHit, closest_first


def _hit(chain: int, e_value: float, num_pairs: int = 10, identity: float = 0.3, sum_probs: float = 5.0) -> LibraryHit:
    pairs = np.arange(num_pairs)
    return LibraryHit(
        chain=chain,
        name=str(chain),
        e_value=e_value,
        score=20.0,
        identity=identity,
        coverage=0.5,
        query_index=pairs,
        chain_index=pairs,
        sum_probs=sum_probs,
    )


def test_sure_hits_are_ordered_by_what_they_explain_and_the_others_by_e_value() -> None:
    hits = [
        _hit(0, 1e-50),
        _hit(1, 1e-4, sum_probs=9.0),
        _hit(2, 1e-20, identity=0.9),  # 5 + 4.5 against 9 + 1.5 and 5 + 1.5
        _hit(3, 0.5, sum_probs=10.0, identity=1.0),
        _hit(4, 0.01, sum_probs=1.0),
        _hit(5, 1e-50),
    ]
    assert [hit.chain for hit in closest_first(reversed(hits))] == [1, 2, 0, 5, 4, 3]
