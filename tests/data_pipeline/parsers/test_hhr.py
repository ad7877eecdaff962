"""HHR: hits in several pieces, gaps, and hostile text. The recorded hit list is compared in parity/test_feature_cases.py."""

import pytest

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.hhr import parse_hhr

HEAD = """Query         my_query
Match_columns 40
No_of_seqs    1 out of 1

 No Hit                             Prob E-value P-value  Score    SS Cols Query HMM  Template HMM
  1 1ABC_A Some protein; title     100.0 3.8E-67 4.6E-72  433.5   0.0    8    3-12      1-11 (90)

"""
HIT = """No 1
>1ABC_A Some protein; title, 1.5A {Genus species}
Probab=100.00  E-value=3.8e-67  Score=433.53  Aligned_cols=8  Identities=99%  Similarity=1.595  Sum_probs=7.5  Template_Neff=5.600

Q ss_pred             cccccc
Q my_query            3 TIQ-PG    7 (40)
Q Consensus         3 ~~~-~G    7 (40)
                      +++ ++
T Consensus         1 ~~~~~-    5 (90)
T 1ABC_A_long_na      1 TaQPG-    5 (90)
T ss_dssp             EECSE-

Q my_query            8 ------    7 (40)
T 1ABC_A_long_na      6 ACDEFG   11 (90)

Q my_query            8 TGYNN   12 (40)
T 1ABC_A_long_na     12 -GYNN   15 (90)


"""


def test_pieces_are_joined_and_gaps_numbered():
    (hit,) = parse_hhr(HEAD + HIT)
    assert (hit.index, hit.aligned_cols, hit.sum_probs) == (1, 8, 7.5)
    assert hit.name == "1ABC_A Some protein; title, 1.5A {Genus species}"
    assert hit.query == "TIQ-PG------TGYNN" and hit.hit_sequence == "TAQPG-ACDEFG-GYNN"
    assert hit.indices_query == (2, 3, 4, -1, 5, 6, *[-1] * 6, 7, 8, 9, 10, 11)
    assert hit.indices_hit == (0, 1, 2, 3, 4, -1, 5, 6, 7, 8, 9, 10, -1, 11, 12, 13, 14)


def test_no_hits_is_an_empty_list():
    assert parse_hhr(HEAD) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "HHsearch results"),
        (">a\nMKTAY\n", "HHsearch results"),
        (HEAD + "No 1\n", "no name or scores"),
        (HEAD + HIT.replace("Sum_probs=7.5", ""), "no name or scores"),
        (HEAD + HIT.replace("Aligned_cols=8", "Aligned_cols=many"), "no numbers"),
        (HEAD + HIT.replace("12 (40)", "13 (40)"), "the row"),
        (HEAD + HIT.replace("TGYNN   12 (40)", "TGY"), "the row"),
        (HEAD + HIT.replace("TIQ-PG", "T1Q-PG"), "the row"),
        (HEAD + HIT.replace("T 1ABC_A_long_na      6 ACDEFG   11 (90)\n", ""), "aligned columns"),
        (HEAD + HIT.split("Q my_query            8 TGYNN")[0], "4 aligned columns"),
    ],
)
def test_hostile_text_is_an_error(text, words):
    with pytest.raises(InputError) as caught:
        parse_hhr(text)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_truncation_is_noticed_up_to_the_last_row():
    whole = HEAD + HIT
    for end in range(len(HEAD) + len("No 1\n"), whole.rindex("(90)")):
        with pytest.raises(InputError):
            parse_hhr(whole[:end])


def test_a_million_columns():
    letters = "ACDEFGHIKL" * 100_000
    size = len(letters)
    rows = (
        f"Q q              {1:4d} {letters} {size:4d} ({size})\nT t              {1:4d} {letters} {size:4d} ({size})\n"
    )
    scores = f"Probab=1 Aligned_cols={size} Sum_probs=1.0\n"
    (hit,) = parse_hhr(f"Query q\nNo 1\n>t title\n{scores}\n{rows}")
    assert hit.indices_hit[-1] == size - 1
