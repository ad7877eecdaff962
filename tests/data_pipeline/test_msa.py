"""Merging alignments, profiles, species identifiers."""

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError
from data_pipeline.msa import encode, letter_profile, merge, species_identifier
from data_pipeline.parsers.a3m import parse_a3m


def test_letters_are_in_network_order():
    assert encode(("ARNDCQEGHILKMFPSTWYVX-",)).tolist() == [list(range(22))]
    assert encode(("BZUJO",)).tolist() == [[3, 6, 4, 20, 20]]  # D, E, C, X, X


def test_first_of_equal_rows_wins_with_its_deletions():
    first = parse_a3m(">q\nMKTAY\n>a\nMK-AY\n>b\naMK-AY\n")
    second = parse_a3m(">q\nMKTAY\n>c\nMKTA-\n>d\nMK-AcY\n")
    merged = merge([first, second])
    assert merged.descriptions == ("q", "a", "c")
    assert not merged.deletion_matrix.any() and merged.deletion_matrix.dtype == np.int32
    reversed_order = merge([second, first])
    assert reversed_order.descriptions == ("q", "c", "d") and reversed_order.deletion_matrix[2].tolist() == [
        0,
        0,
        0,
        0,
        1,
    ]


def test_rows_differ_by_letter_not_by_number():
    assert len(merge([parse_a3m(">q\nMDA\n>a\nMBA\n")]).letters) == 2  # B counts as D but is another sequence


def test_alignments_that_do_not_fit_are_an_error():
    with pytest.raises(InputError, match="5 columns"):
        merge([parse_a3m(">q\nMKTAY\n"), parse_a3m(">q\nMKT\n", source="other.a3m")])
    with pytest.raises(InputError, match="at least one"):
        merge([])


def test_profile_is_a_distribution_that_ignores_row_order():
    rng = np.random.default_rng(0)
    msa = rng.integers(0, 22, (37, 11))
    profile = letter_profile(msa)
    assert profile.dtype == np.float32 and profile.shape == (11, 22)
    np.testing.assert_allclose(profile.sum(axis=-1), 1, atol=1e-6)
    np.testing.assert_array_equal(profile, letter_profile(msa[rng.permutation(37)]))
    assert profile[3, msa[0, 3]] == np.float32((msa[:, 3] == msa[0, 3]).sum() / 37)


@pytest.mark.parametrize(
    ("description", "species"),
    [
        ("tr|A0A0A8LFH4|A0A0A8LFH4_9EUKA Endo-1,4-beta-xylanase OS=uncultured eukaryote", "9EUKA"),
        ("sp|Q9HFH0|XYNC_TALFU", "TALFU"),
        ("sp|P0CG48|UBC_HUMAN/12-80 Polyubiquitin", "HUMAN"),
        ("tr|A0A146SKV9_1|A0A146SKV9_1_FUNHE", "FUNHE"),
        ("tr|A0A146SKV9|A0A146SKV9_FUNHE_3", "FUNHE"),
        ("UniRef100_A0A2L2TCV1 Endo-1,4-beta-xylanase RepID=A0A2L2TCV1_9HYPO", ""),
        ("PNP_ARCB4/573-631", ""),
        ("tr|A0A0A8LFH4|A0A0A8LFH4", ""),
        ("tr|A0A|A0A_HUMAN", ""),
        ("tr|A0A0A8LFH4|A0A0A8LFH4_TOOLONG", ""),
        ("xx|A0A0A8LFH4|A0A0A8LFH4_9EUKA", ""),
        ("MGYP000510094044/36-224", ""),
        ("", ""),
    ],
)
def test_species_identifier(description, species):
    assert species_identifier(description) == species
