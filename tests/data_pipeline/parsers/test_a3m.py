"""A3M: columns, insertions, and hostile text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.a3m import parse_a3m


def test_columns_and_deletions():
    alignment = parse_a3m(">query\nMKTAY\n>hit one\nabM-cTAYxyz\n>hit two\nMKTd\nef-Y\n", source="a.a3m")
    assert alignment.sequences == ("MKTAY", "M-TAY", "MKT-Y")
    assert alignment.deletion_matrix.tolist() == [[0, 0, 0, 0, 0], [2, 0, 1, 0, 0], [0, 0, 0, 3, 0]]
    assert alignment.deletion_matrix.dtype == np.int32
    assert alignment.descriptions == ("query", "hit one", "hit two") and alignment.source == "a.a3m"


def test_comments_structure_rows_and_fill_dots_are_passed_over():
    text = "#5\t1\n\n# made by hand\n>ss_dssp\n-EEE-\n>ss_conf\n98765\n>q\nMK..TAY\n>h\nMKabTAY\n"
    alignment = parse_a3m(text)
    assert alignment.sequences == ("MKTAY", "MKTAY")
    assert alignment.deletion_matrix[1].tolist() == [0, 0, 2, 0, 0]


@st.composite
def rows(draw: st.DrawFn) -> tuple[str, list[list[str]]]:
    """A query and, for other rows, the text of each column: insertions, then a capital or a gap; the last piece is an insertion only."""
    length = draw(st.integers(1, 6))
    letters = st.sampled_from("ACDEFGHIKLMNPQRSTVWYXBZJOU-")
    insertion = st.text("acdefghiklmnpqrstvwy.", max_size=3)
    query = draw(st.text("ACDEFGHIKLMNPQRSTVWY", min_size=length, max_size=length))
    others = draw(
        st.lists(st.lists(st.tuples(insertion, letters).map("".join), min_size=length, max_size=length), max_size=4)
    )
    return query, others


@given(rows())
def test_any_alignment_is_taken_apart_rightly(case):
    query, others = case
    alignment = parse_a3m("".join([f">q\n{query}\n", *(f">r\n{''.join(row)}abc\n" for row in others)]))
    assert alignment.sequences == (query, *("".join(piece[-1] for piece in row) for row in others))
    wanted = [[sum(c.islower() for c in piece) for piece in row] for row in others]
    assert alignment.deletion_matrix[1:].tolist() == wanted and not alignment.deletion_matrix[0].any()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at least one record"),
        ("#only a comment\n", "at least one record"),
        ("MKTAY\n>q\nMKTAY", "'>' header"),
        (">q\n", "no letters"),
        (">q\nmktay\n>h\nmktay\n", "only insertions"),
        (">ss_pred\nHHH\n", "only structure rows"),
        (">q\nMKTAY\n>h\nMKTA\n", "4 in row 2 ('h', line 3)"),
        (">q\nMKTAY\n>h\nMKTAYY\n", "6 in row 2"),
        (">q\nMKTAY\n>h\n\n", "0 in row 2"),
        (">q\nMKTAY\n>h\nMK*AY\n", "'*' at position 3 of row 2"),
        (">q\nMK1AY\n", "'1' at position 3 of row 1"),
        (">q\nMKT\u0410Y\n", "U+0410"),
    ],
)
def test_hostile_text_is_an_error(text, words):
    with pytest.raises(InputError) as caught:
        parse_a3m(text)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_truncation_inside_a_row_is_noticed():
    whole = ">q\nMKTAYIAKQR\n>h\nMKTAYIAKQR\n"
    for end in range(whole.index("h") + 1, len(whole) - 1):
        with pytest.raises(InputError):
            parse_a3m(whole[:end])


def test_a_million_columns():
    row = "ACDEFGHIKL" * 100_000
    alignment = parse_a3m(f">q\n{row}\n>h\n{row.replace('D', 'd-')}\n")
    assert alignment.deletion_matrix.shape == (2, 1_000_000)
    assert alignment.deletion_matrix[1].sum() == 100_000
