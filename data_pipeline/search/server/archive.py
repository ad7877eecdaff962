"""Members of a server's tar.gz by expected name, read in one pass and never written under a name from the archive."""

import gzip
import io
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipeline.parsers.text import quote
from data_pipeline.search.server.errors import DamagedArchiveError, UnsafeArchiveError

_MIB = 2**20
_CHUNK = 2**16
_ACTION = "report this to the server's operator"
_DAMAGE = (tarfile.TarError, EOFError, OSError, zlib.error, ValueError, OverflowError)


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeLimits:
    """Largest sizes in bytes. Deep alignments of one chain take some 10 MiB."""

    download: int = 256 * _MIB  # compressed
    member: int = 512 * _MIB
    total: int = 1024 * _MIB  # everything unpacked, what is passed over included


def read_members(path: Path, expected: frozenset[str], limits: SizeLimits) -> dict[str, bytes]:
    """The expected members that are there. Other plain files are passed over.

    Raises:
        UnsafeArchiveError: a path, link, device or doubled name anywhere in it, or more data than the limits allow.
        DamagedArchiveError: it is truncated or no tar.gz.
    """
    found: dict[str, bytes] = {}
    try:
        with path.open("rb") as stream, gzip.GzipFile(fileobj=stream) as unpacked:
            capped = _Capped(unpacked, limits.total)
            with tarfile.open(fileobj=capped, mode="r|") as archive:
                for member in archive:
                    name = _plain_name(member)
                    if name not in expected:
                        continue
                    if name in found:
                        raise UnsafeArchiveError("each file once in the server's result", f"{name} twice", _ACTION)
                    found[name] = _content(archive, member, limits.member)
            while capped.read(_CHUNK):  # to the end, so that the checksum is compared
                pass
    except _DAMAGE as error:
        reason = f"damage ({type(error).__name__}: {error})"
        raise DamagedArchiveError("a complete tar.gz from the server", reason, "try again") from error
    return found


def _plain_name(member: tarfile.TarInfo) -> str:
    """The name of a plain file, or nothing for a folder."""
    name = member.name.removeprefix("./")
    if member.isdir():
        return ""
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        kind = "a link" if member.issym() or member.islnk() else "a special file"
        raise UnsafeArchiveError("plain files in the server's result", f"{kind} {quote(member.name)}", _ACTION)
    if "/" in name or "\\" in name or name in ("", ".", ".."):
        raise UnsafeArchiveError("names without folders in the server's result", quote(member.name), _ACTION)
    return name


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, limit: int) -> bytes:
    if member.size > limit:
        found = f"{member.size} in {member.name}"
        raise UnsafeArchiveError(f"at most {limit} bytes in a file of the server's result", found, _ACTION)
    stream = archive.extractfile(member)
    data = stream.read() if stream else b""
    if len(data) != member.size:
        raise EOFError(f"{len(data)} of {member.size} bytes of {member.name}")
    return data


class _Capped(io.RawIOBase):
    """A stream that may give so many bytes and no more."""

    def __init__(self, stream: Any, limit: int) -> None:
        self._stream, self._left, self._limit = stream, limit, limit

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes.

        Raises:
            UnsafeArchiveError: more than the limit were asked for and there.
        """
        wanted = self._left + 1 if size < 0 else min(size, self._left + 1)
        data: bytes = self._stream.read(wanted)
        self._left -= len(data)
        if self._left < 0:
            raise UnsafeArchiveError(f"at most {self._limit} bytes in the server's result, unpacked", "more", _ACTION)
        return data
