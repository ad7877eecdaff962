"""Files that are damaged, or not what they are called, are refused in one line."""

import io
import zipfile

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.weights.npz import read_npz, read_npz_layout


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.npz"
    rng = np.random.default_rng(0)
    np.savez(path, **{"a/b//w": rng.normal(size=(30, 40)).astype(np.float32), "c//b": np.arange(5, dtype=">f4")})
    return path


def test_reads_names_values_and_native_order(good):
    arrays = read_npz(good)
    assert set(arrays) == {"a/b//w", "c//b"}
    assert arrays["c//b"].dtype.isnative and arrays["c//b"].tolist() == [0, 1, 2, 3, 4]
    assert read_npz_layout(good) == {"a/b//w": (30, 40), "c//b": (5,)}


def test_reads_compressed_and_fortran_order(tmp_path):
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.savez_compressed(tmp_path / "x.npz", x=array, s=np.float32(3))
    read = read_npz(tmp_path / "x.npz")
    assert np.array_equal(read["x"], array) and read["s"] == 3 and read["s"].shape == ()


def refused(path, words, read=read_npz):
    with pytest.raises(InputError, match=words) as caught:
        read(path)
    assert "\n" not in str(caught.value) and path.name in str(caught.value)


@pytest.mark.parametrize("read", [read_npz, read_npz_layout])
def test_text_file(tmp_path, read):
    path = tmp_path / "params_model_1.npz"
    path.write_text("<html>404 not found</html>\n")
    refused(path, "not a zip archive", read)


@pytest.mark.parametrize("read", [read_npz, read_npz_layout])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.98])
def test_truncated(good, share, read):
    data = good.read_bytes()
    good.write_bytes(data[: int(len(data) * share)])
    refused(good, "truncated", read)


def test_flipped_bit(good):
    data = bytearray(good.read_bytes())
    data[len(data) // 2] ^= 1
    good.write_bytes(bytes(data))
    refused(good, "array a/b//w damaged")


@pytest.mark.parametrize("read", [read_npz, read_npz_layout])
def test_object_array(tmp_path, read):
    path = tmp_path / "objects.npz"
    np.savez(path, w=np.array([{"a": 1}, None], dtype=object))
    refused(path, "array w of Python objects", read)


@pytest.mark.parametrize("read", [read_npz, read_npz_layout])
def test_zip_of_something_else(tmp_path, read):
    path = tmp_path / "other.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    refused(path, "something else than arrays", read)
    with zipfile.ZipFile(path, "w"):
        pass
    refused(path, "something else than arrays", read)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "without a readable header"),
        (b"not an array", "without a readable header"),
        (b"\x93NUMPY\x07\x00", "format"),
    ],
)
@pytest.mark.parametrize("read", [read_npz, read_npz_layout])
def test_member_that_is_no_array(tmp_path, content, words, read):
    path = tmp_path / "odd.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w.npy", content)
    refused(path, words, read)


@pytest.mark.parametrize("read", [read_npz, read_npz_layout])
def test_header_that_promises_more_than_there_is(tmp_path, read):
    path = tmp_path / "huge.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**9, 10**9)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w.npy", header.getvalue() + b"\0" * 64)
    refused(path, "of 64 bytes where its header says", read)


def test_no_file_and_a_folder(tmp_path):
    refused(tmp_path / "nothing.npz", "no file")
    refused(tmp_path, "no file")
