import numpy as np

from alphafold_lite.common.chains import CHAIN_IDS, chain_spans, residue_numbers


def test_spans_name_the_chains_and_their_rows():
    spans = chain_spans(np.array([0, 0, 0, 1, 2, 2]))
    assert [(span.id, span.start, span.stop) for span in spans] == [("A", 0, 3), ("B", 3, 4), ("C", 4, 6)]
    assert residue_numbers(spans).tolist() == [1, 2, 3, 1, 1, 2]


def test_one_chain_and_the_last_name():
    (span,) = chain_spans(np.zeros(4, int))
    assert (span.id, span.start, span.stop) == ("A", 0, 4)
    assert chain_spans(np.arange(62))[-1].id == "9" and len(set(CHAIN_IDS)) == 62
