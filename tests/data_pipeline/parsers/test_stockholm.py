"""Stockholm: blocks, gap columns of the query, and hostile text."""

import pytest

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.stockholm import parse_stockholm

WHOLE = """# STOCKHOLM 1.0
#=GF ID example
#=GS hit/1-7 DE a description

query        -MK--T
hit/1-7      AMKCDT
#=GR hit/1-7 PP 999999
far          --.c..

query        AY-
hit/1-7      -YE
far          ay-
#=GC RF      xx.
//
"""


def test_blocks_columns_and_deletions():
    alignment = parse_stockholm(WHOLE, source="a.sto")
    assert alignment.sequences == ("MKTAY", "MKT-Y", "---AY")
    assert alignment.deletion_matrix.tolist() == [[0, 0, 0, 0, 0], [1, 0, 2, 0, 0], [0, 0, 1, 0, 0]]
    assert alignment.descriptions == ("query", "hit/1-7", "far") and alignment.source == "a.sto"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at least one row"),
        ("# STOCKHOLM 1.0\n//\n", "at least one row"),
        (">q\nMKTAY\n", "# STOCKHOLM"),
        ("query MKTAY\n//\n", "# STOCKHOLM"),
        ("# STOCKHOLM 1.0\nquery MKTAY\n", "'//'"),
        ("# STOCKHOLM 1.0\nquery MKTAY\nhit MKTA\n//\n", "4 in row 2"),
        ("# STOCKHOLM 1.0\nquery MKTAY\nhit MKTAY\nquery MK\n//\n", "7 columns"),
        ("# STOCKHOLM 1.0\nquery MK TAY\n//\n", "line 2"),
        ("# STOCKHOLM 1.0\nquery MK1AY\n//\n", "'1' at column 3 of row 1"),
        ("# STOCKHOLM 1.0\nquery -----\nhit MKTAY\n//\n", "only gaps"),
        (f"{WHOLE}query MKTAY\n", "one alignment"),
    ],
)
def test_hostile_text_is_an_error(text, words):
    with pytest.raises(InputError) as caught:
        parse_stockholm(text)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_every_truncation_is_noticed():
    for end in range(WHOLE.rindex("//")):
        with pytest.raises(InputError):
            parse_stockholm(WHOLE[:end])


def test_lower_case_only_is_a_row_like_any_other():
    alignment = parse_stockholm("# STOCKHOLM 1.0\nquery mktay\nhit mk-ay\n//\n")
    assert alignment.sequences == ("MKTAY", "MK-AY")


def test_a_million_columns():
    row = "ACDEFGHIKL" * 100_000
    gapped = row.replace("D", "-")
    alignment = parse_stockholm(f"# STOCKHOLM 1.0\nquery {gapped}\nhit {row}\n//\n")
    assert len(alignment.sequences[1]) == 900_000 and alignment.deletion_matrix[1].sum() == 100_000
