"""Rows of different chains that come from one species."""

import numpy as np

from data_pipeline import species
from data_pipeline.msa import Msa, encode
from data_pipeline.species import NO_ROW, pair_by_species


def msa(*rows):
    """An MSA of (species, letters) below the query MKTA; a name without an underscore has no species."""
    letters = encode(("MKTA", *(row for _, row in rows)))
    names = [
        f"tr|A0A00{number}|A0A00{number}_{name}" if name else f"UPI{number}" for number, (name, _) in enumerate(rows)
    ]
    return Msa(letters=letters, deletion_matrix=np.zeros_like(letters), descriptions=("tr|Q00001|Q1_HUMAN", *names))


def pairs(*msas):
    return pair_by_species(msas).tolist()


def test_the_most_alike_rows_of_a_species_go_together_as_far_as_both_reach():
    one = msa(("MOUSE", "MAAA"), ("MOUSE", "MKTC"), ("YEAST", "MKTG"))
    two = msa(("MOUSE", "M---"), ("MOUSE", "MKTC"), ("MOUSE", "MK--"))
    assert pairs(one, two) == [[2, 2], [1, 3]]


def test_equals_stay_in_order():
    assert pairs(msa(("MOUSE", "MKTC"), ("MOUSE", "MKTG")), msa(("MOUSE", "MKCA"), ("MOUSE", "MGTA"))) == [
        [1, 1],
        [2, 2],
    ]


def test_species_of_more_chains_first_and_gaps_for_the_others():
    one = msa(("MOUSE", "MKTC"), ("YEAST", "MKTC"))
    two = msa(("YEAST", "MKTC"), ("MOUSE", "MKTC"))
    three = msa(("YEAST", "MKTC"), ("ECOLI", "MKTG"))
    assert pairs(one, two, three) == [[2, 1, 1], [1, 2, NO_ROW]]


def test_queries_and_names_without_species_are_not_paired():
    one, two = msa(("", "MKTC"), ("HUMAN", "MKTG")), msa(("", "MKTC"), ("MOUSE", "MKTG"))
    assert pairs(one, two) == [] and pair_by_species([one, two]).shape == (0, 2)


def test_a_species_with_too_many_rows_pairs_nothing(monkeypatch):
    monkeypatch.setattr(species, "MAX_SPECIES_ROWS", 2)
    one = msa(("MOUSE", "MKTC"), ("YEAST", "MKTC"))
    two = msa(*(("MOUSE", row) for row in ("MKTC", "MKTG", "MKTW")), ("YEAST", "MKTC"), ("YEAST", "MKTG"))
    assert pairs(one, two) == [[2, 4]]
