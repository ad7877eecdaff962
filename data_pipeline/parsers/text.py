"""Bytes of an input file to text, with a clear error for everything that is not text."""

import gzip
import io
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from alphafold_lite.common.errors import InputError

STANDARD_INPUT = "-"
_MAX_BYTES = 2**30  # decompressed; the largest alignments that AlphaFold's searches write are a few hundred MB
_GZIP_MAGIC = b"\x1f\x8b"
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")  # UTF-16 and UTF-32 byte order marks
_WIDE_NUL_FRACTION = 0.2  # ASCII text has half (UTF-16) or three quarters (UTF-32) NUL bytes when written wide
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")


def read_text(source: str | Path) -> str:
    """The text of a file (gzip recognised by its content), or of standard input for `-`, with `\\n` line ends.

    Raises:
        InputError: the file cannot be read, is compressed and damaged, is too large, or is not plain text.
    """
    name = "standard input" if str(source) == STANDARD_INPUT else str(source)
    data = _read_bytes(source, name)
    if data.startswith(_GZIP_MAGIC):
        data = _gunzip(data, name)
    elif name.endswith(".gz") and data:
        raise InputError(f"gzip data in {name}", "something else", "give the file its real ending or compress it again")
    if len(data) > _MAX_BYTES:
        raise InputError(f"at most {_MAX_BYTES >> 20} MiB in {name}", "more", "split the file")
    return decode(data, source=name)


def decode(data: bytes, *, source: str) -> str:
    """UTF-8 (with or without mark), else Latin-1, with `\\n` line ends; the two-byte encodings and binary data are errors."""
    action = "save it as plain text (UTF-8)"
    nul_fraction = data.count(0) / max(len(data), 1)
    if data.startswith(_WIDE_MARKS) or nul_fraction > _WIDE_NUL_FRACTION:
        raise InputError(f"plain text in {source}", "UTF-16 text or binary data", action)
    control = _CONTROL.search(data)
    if control:
        found = f"binary data (byte 0x{control.group()[0]:02x} at offset {control.start()})"
        raise InputError(f"plain text in {source}", found, action)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_lines(source: str | Path) -> Iterator[str]:
    """As `read_text`, a line at a time: what is held does not grow with the file, and its size has no limit.

    Raises:
        InputError: as `read_text`.
    """
    name = "standard input" if str(source) == STANDARD_INPUT else str(source)
    try:
        with sys.stdin.buffer if str(source) == STANDARD_INPUT else Path(source).open("rb") as opened:
            raw = cast(io.BufferedReader, opened)
            packed = raw.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
            stream: BinaryIO = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
            while line := stream.readline(_MAX_BYTES):
                yield from decode(line, source=name).removesuffix("\n").split("\n")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"complete gzip data in {name}", f"damage ({error})", "fetch or compress the file again"
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"a readable file {quote(name)}", reason, "check the path") from error


def quote(text: str, limit: int = 40) -> str:
    """User text for a one-line message: shortened, unprintable characters escaped."""
    return repr(text if len(text) <= limit else text[:limit] + "…")


def describe(character: str) -> str:
    """A character as a user can recognise it, with its code where it is not ASCII."""
    return f"{character!r}" if character.isascii() else f"{character!r} (U+{ord(character):04X})"


def _read_bytes(source: str | Path, name: str) -> bytes:
    try:
        if str(source) == STANDARD_INPUT:
            return sys.stdin.buffer.read(_MAX_BYTES + 1)
        with Path(source).open("rb") as stream:
            return stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"a readable file {name}", error.strerror or str(error), "check the path") from error
    except ValueError as error:  # a path with a NUL in it
        raise InputError(f"a readable file {quote(name)}", str(error), "check the path") from error


def _gunzip(data: bytes, name: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            return stream.read(_MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"complete gzip data in {name}", f"damage ({error})", "fetch or compress the file again"
        ) from error
