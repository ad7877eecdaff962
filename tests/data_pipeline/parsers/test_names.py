"""Folder names from headers of any kind."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.parsers.names import safe_name, safe_names


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("1UBQ_1|Chain A", "1UBQ_1_Chain"),
        ("sp|P0CG48|UBC_HUMAN Polyubiquitin-C OS=Homo sapiens", "sp_P0CG48_UBC_HUMAN"),
        ("../../x", "x"),
        ("/etc/passwd", "etc_passwd"),
        ("..", "target"),
        ("", "target"),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("CON", "target_CON"),
        ("nul.txt", "target_nul.txt"),
        ("console", "console"),
        ("M\u00fcller-\u00c5", "Muller-A"),
        ("\u86cb\u767d\u8d28", "target"),
        ("a\\b:c*d?", "a_b_c_d"),
        ("x" * 5000, "x" * 64),
    ],
)
def test_safe_name(header, name):
    assert safe_name(header) == name


@given(st.lists(st.text(max_size=12) | st.sampled_from(["a", "A", "a_2", "x" * 64, "x" * 63 + "_2"]), max_size=12))
def test_names_are_safe_and_distinct(headers):
    names = safe_names(headers)
    assert len(names) == len(headers) == len({name.lower() for name in names})
    assert all(re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?", name) for name in names)


def test_many_equal_headers_take_linear_time():
    names = safe_names(["same"] * 20_000)
    assert names[0] == "same" and names[1] == "same_2" and names[-1] == "same_20000"
