"""Reading `.npz` files that may be damaged or not what they are called: plain arrays only, every failure one InputError."""

import math
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import numpy as np

from alphafold_lite.common.errors import InputError
from alphafold_lite.weights.rules import Shape

MEMBER = ".npy"
READ_ERRORS = (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, MemoryError)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file, in native byte order.

    Raises:
        InputError: no such file, not an npz, truncated or damaged, object arrays.
    """
    with _members(path) as (archive, names):
        return {name: _read_array(path, archive, name) for name in names}


def read_npz_layout(path: Path) -> dict[str, Shape]:
    """Names and shapes without reading the arrays. Raises as `read_npz`, except for damage inside an array."""
    with _members(path) as (archive, names):
        return {name: _read_shape(path, archive, name) for name in names}


@contextmanager
def _members(path: Path) -> Generator[tuple[zipfile.ZipFile, list[str]], None, None]:
    if not path.is_file():
        raise InputError("an .npz file", f"no file {path}", "check the path")
    try:
        archive = zipfile.ZipFile(path)
    except READ_ERRORS as error:
        _refuse(path, f"not a zip archive, or a truncated one ({error})", error)
    with archive:
        members = archive.namelist()
        if not members or not all(member.endswith(MEMBER) for member in members):
            _refuse(path, "a zip archive of something else than arrays", None)
        yield archive, [member.removesuffix(MEMBER) for member in members]


def _read_array(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    _read_shape(path, archive, name)
    try:
        with archive.open(name + MEMBER) as member:
            array = np.lib.format.read_array(member, allow_pickle=False)
            member.read(1)  # to the end, where the checksum is compared
    except READ_ERRORS as error:
        _refuse(path, f"array {name} damaged or cut off ({error})", error)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _read_shape(path: Path, archive: zipfile.ZipFile, name: str) -> Shape:
    """The shape in an array's header, once its type and the size of its data are known to be sound."""
    try:
        shape, dtype, size = _read_header(archive, name + MEMBER)
    except READ_ERRORS as error:
        _refuse(path, f"array {name} without a readable header ({error})", error)
    if dtype.hasobject:
        _refuse(path, f"array {name} of Python objects", None)
    if math.prod(shape) * dtype.itemsize != size:
        _refuse(path, f"array {name} of {size} bytes where its header says {list(shape)} of {dtype}", None)
    return shape


def _read_header(archive: zipfile.ZipFile, member: str) -> tuple[Shape, np.dtype, int]:
    """Shape, type, and the number of bytes that follow the header."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        elif version == (2, 0):
            shape, _, dtype = np.lib.format.read_array_header_2_0(file)
        else:
            raise ValueError(f"array format {version}")
        return shape, dtype, archive.getinfo(member).file_size - file.tell()


def _refuse(path: Path, found: str, cause: BaseException | None) -> NoReturn:
    action = "download or copy the file again, and check what it is"
    raise InputError("an .npz file of plain arrays", f"{path}: {found}", action) from cause
