"""Files to text: compression, marks, line ends, and everything that is no text."""

import gzip
import io
import sys
from types import SimpleNamespace

import pytest

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.text import decode, describe, quote, read_text


def test_line_ends_and_mark_are_normalised():
    assert decode(b"\xef\xbb\xbf>a\r\nMK\rTA\n", source="x") == ">a\nMK\nTA\n"


def test_latin1_is_accepted_as_a_fallback():
    assert decode(">M\u00fcller\nMK".encode("latin-1"), source="x") == ">M\u00fcller\nMK"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_are_refused(encoding):
    with pytest.raises(InputError, match="UTF-16"):
        decode(">a\nMKTAYIAK\n".encode(encoding), source="x")


@pytest.mark.parametrize(
    "data", [b"\x7fELF\x02\x01\x01", b"\x89PNG\r\n\x1a\n" + b"a" * 90, b"A" * 100 + b"\x00", bytes(range(256))]
)
def test_binary_is_refused(data):
    with pytest.raises(InputError, match="binary"):
        decode(data, source="x")


@pytest.mark.parametrize("name", ["a.fa.gz", "a.fa"])
def test_gzip_is_known_by_its_content(tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(b">a\nMK\n"))
    assert read_text(tmp_path / name) == ">a\nMK\n"


def test_damaged_gzip_is_refused(tmp_path):
    whole = gzip.compress(b">a\nMKTAYIAKQR\n" * 50)
    for number, data in enumerate((whole[:-9], whole[:12] + b"\xff" * 20, whole[:3])):
        path = tmp_path / f"{number}.gz"
        path.write_bytes(data)
        with pytest.raises(InputError, match="gzip"):
            read_text(path)


def test_gz_ending_without_gzip_content_is_refused(tmp_path):
    (tmp_path / "a.gz").write_text(">a\nMK\n")
    with pytest.raises(InputError, match="gzip data"):
        read_text(tmp_path / "a.gz")


@pytest.mark.parametrize("name", ["missing.fa", ".", "a\0b"])
def test_unreadable_paths_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="readable file"):
        read_text(f"{tmp_path}/{name}")


def test_dash_reads_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b">a\r\nMK")))
    assert read_text("-") == ">a\nMK"


def test_messages_stay_short_and_printable():
    assert len(quote("x" * 5000)) < 50
    assert quote("a\u202eb\n") == "'a\\u202eb\\n'"
    assert describe("\u0410") == "'\u0410' (U+0410)" and describe("*") == "'*'"
