"""Pairwise alignments and finding stretches."""

import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.templates.alignment import align_homologues, align_records, find, find_with_unknowns

LETTERS = st.text("ACDEFGHIKLMNPQRSTVWYX", min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(LETTERS, LETTERS)
def test_pairs_are_colinear(first, second):
    for found in (align_homologues(first, second), align_records(first, second)):
        assert found is not None
    _, (a, b) = align_homologues(first, second)
    assert len(a) == len(b)
    assert (np.diff(a) > 0).all() and (np.diff(b) > 0).all()
    assert not len(a) or (a[0] >= 0 and b[0] >= 0 and a[-1] < len(first) and b[-1] < len(second))


@settings(max_examples=60, deadline=None)
@given(st.text("ACDEFGHIKLMNPQRSTVWY", min_size=12, max_size=40), st.integers(0, 5), st.integers(0, 5))
def test_a_sequence_is_aligned_to_its_own_middle(sequence, left, right):
    part = sequence[left : len(sequence) - right]
    _, (whole, inner) = align_homologues(sequence, part)
    assert len(whole) == len(part)
    assert "".join(sequence[place] for place in whole) == "".join(part[place] for place in inner) == part


def test_missing_pieces_are_bridged():
    whole = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"
    old, new = align_records(whole, whole[:10] + whole[16:])
    assert old.tolist() == [*range(10), *range(16, 33)] and new.tolist() == list(range(27))


def test_unknown_letters_cost_nothing():
    score, (a, b) = align_homologues("MKTAYWWWWQRQISF", "MKTAYXXXXQRQISF")
    assert a.tolist() == b.tolist() == list(range(15)) and score > 0


def test_long_sequences_in_seconds_and_the_longest_not_at_all():
    rng = np.random.default_rng(0)
    long = "".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 3000))
    start = time.perf_counter()
    _, (a, _) = align_homologues(long, long[100:2900])
    assert len(a) == 2800 and time.perf_counter() - start < 15
    assert align_homologues("A" * 30_000, "A" * 30_000) is None
    assert align_homologues("", "A") is None and align_records("A", "") is None


def test_find():
    assert find("ABA", "ABABA", 2) == 2 and find("ABA", "ABABA", 1) == 0 and find("AC", "ABABA", 0) is None
    assert find("ABA", "ABABA", 99) == 0


def test_find_with_unknowns():
    chain = "GSXMKTAYGSAMKTAY"
    assert find_with_unknowns("AMK", chain, 9) == 2
    assert find_with_unknowns("AMK", chain, 10) == 10
    assert find_with_unknowns("SXM", chain, 0) == 1
    assert find_with_unknowns("WWW", chain, 0) is None
    assert find_with_unknowns(chain + "A", chain, 0) is None and find_with_unknowns("", chain, 0) is None
    assert find_with_unknowns("GSX", chain, -5) == 0
