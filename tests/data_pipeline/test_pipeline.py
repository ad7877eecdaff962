"""Query and alignment files to features."""

import gzip

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.a3m import parse_a3m
from data_pipeline.pipeline import build_features, read_alignment

A3M = ">q\nMKTAYIAK\n>h\nMK-AcYIAK\n"
STOCKHOLM = "# STOCKHOLM 1.0\nq MKTA-YIAK\nh MK-ACYIAK\n//\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.a3m", A3M),
        ("a.A3M", A3M),
        ("a.sto", STOCKHOLM),
        ("a.stockholm", STOCKHOLM),
        ("a.a3m.gz", A3M),
        ("a.sto.gz", STOCKHOLM),
    ],
)
def test_alignments_are_read_by_ending(tmp_path, name, text):
    data = text.replace("\n", "\r\n").encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    alignment = read_alignment(tmp_path / name)
    assert alignment.sequences == ("MKTAYIAK", "MK-AYIAK") and name in alignment.source
    assert alignment.deletion_matrix.tolist() == [[0] * 8, [0, 0, 0, 0, 1, 0, 0, 0]]


@pytest.mark.parametrize("name", ["a.fasta", "a3m", "a.gz"])
def test_other_endings_are_an_error(tmp_path, name):
    (tmp_path / name).write_text(A3M)
    with pytest.raises(InputError, match=r"\*\.a3m"):
        read_alignment(tmp_path / name)


@pytest.mark.parametrize(
    "data", [b"", A3M.encode("utf-16"), b"\x00\x01\x02" * 9, A3M.encode()[:-6] + b"\n", b">q\nmktay\n"]
)
def test_hostile_files_are_an_error(tmp_path, data):
    (tmp_path / "a.a3m").write_bytes(data)
    with pytest.raises(InputError):
        read_alignment(tmp_path / "a.a3m")


def test_single_sequence_mode_needs_nothing_else():
    features = build_features("MKTAYX", name="q")
    assert features.msa.tolist() == [features.aatype.tolist()] and features.aatype[-1] == 20
    assert features.residue_index.tolist() == list(range(6)) and not features.chain_index.any()
    assert features.msa_descriptions == ("q",) and not features.deletion_matrix.any() and features.templates is None


def test_alignments_are_merged_in_order():
    one, two = parse_a3m(A3M), parse_a3m(">q\nMKTAYIAK\n>i\nMKTAYIAA\n>h2\nMK-AYIAK\n")
    features = build_features("MKTAYIAK", name="q", msa=[one, two])
    assert features.msa_descriptions == ("q", "h", "i") and features.deletion_matrix.sum() == 1


def test_letters_that_became_unknown_may_stand_in_the_alignment():
    alignment = parse_a3m(">q\nMKUAYZAK\n>h\nMKUAYIAK\n")
    features = build_features("MKXAYXAK", name="q", msa=[alignment, parse_a3m(">q\nMKXAYXAK\n>i\nMKTAYIAK\n")])
    assert features.msa_descriptions == ("q", "h", "i")
    np.testing.assert_array_equal(features.msa[0], features.aatype)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (">q\nMKTAY\n", "5 residues"),
        (">q\nMKTAYIAR\n>h\nMKTAYIAK\n", "'R' instead of 'K' at position 8"),
        (">q\nMKTA-IAK\n", "'-' instead of 'Y' at position 5"),
        (">q\nMKTAYIAX\n", "'X' instead of 'K'"),
    ],
)
def test_an_alignment_of_another_query_is_an_error(text, found):
    with pytest.raises(InputError, match=found) as caught:
        build_features("MKTAYIAK", name="q", msa=[parse_a3m(text, source="other.a3m")])
    assert "other.a3m" in str(caught.value)


def test_residue_numbers():
    numbers = np.array([3, 4, 10, 11])
    assert build_features("MKTA", name="q", residue_index=numbers).residue_index.tolist() == [3, 4, 10, 11]
    with pytest.raises(InputError, match="5 residue numbers"):
        build_features("MKTAY", name="q", residue_index=numbers)
    with pytest.raises(InputError, match="sequence"):
        build_features("", name="q")
