"""One stored search as bytes: a line that says what it is, the digest of the rest, and arrays without pickle.

A reader gets back exactly what was stored, or an error; half a file, a flipped bit and a file under another name are all noticed.
"""

import hashlib
import io
import json
import zipfile
import zlib
from typing import Any

import numpy as np

from data_pipeline.parsers.alignment import Alignment
from data_pipeline.search.base import SearchRecord, SearchResult

_MAGIC = b"alphafold_lite search 1\n"
_DIGEST_LENGTH = 64
# What NumPy, zipfile and json raise on content that is not ours, though its digest fits.
_DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error)


class DamagedEntryError(Exception):
    """A stored search that cannot be trusted; the message says why."""


def encode(key: str, result: SearchResult) -> bytes:
    """A search under its key; equal searches give equal bytes."""
    alignment, record = result.alignment, result.record
    letters = np.frombuffer("".join(alignment.sequences).encode("ascii"), np.uint8)
    text = {"key": key, "record": record.to_json_dict(), "descriptions": alignment.descriptions}
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        letters=letters.reshape(len(alignment.sequences), -1),
        deletions=np.asarray(alignment.deletion_matrix, np.int32),
        text=np.frombuffer(json.dumps(text).encode(), np.uint8),
    )
    body = stream.getvalue()
    return _MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def decode(key: str, content: bytes) -> SearchResult:
    """What `encode` stored under this key.

    Raises:
        DamagedEntryError: it is something else, incomplete or changed.
    """
    start = len(_MAGIC) + _DIGEST_LENGTH + 1
    if not content.startswith(_MAGIC) or len(content) < start:
        raise DamagedEntryError("no stored search of this version")
    body = content[start:]
    if hashlib.sha256(body).hexdigest().encode() + b"\n" != content[len(_MAGIC) : start]:
        raise DamagedEntryError("its checksum does not fit")
    try:
        return _read(key, body)
    except _DAMAGE as error:
        raise DamagedEntryError(f"{type(error).__name__}: {error}") from error


def _read(key: str, body: bytes) -> SearchResult:
    with np.load(io.BytesIO(body), allow_pickle=False) as archive:
        letters, deletions = archive["letters"], archive["deletions"]
        text: dict[str, Any] = json.loads(archive["text"].tobytes())
    if text["key"] != key:
        raise ValueError("it belongs to another search")
    descriptions = tuple(text["descriptions"])
    if letters.ndim != 2 or letters.shape != deletions.shape or len(descriptions) != len(letters):
        raise ValueError("its parts do not fit together")
    fields: dict[str, Any] = text["record"]
    fields["command"] = tuple(fields["command"])
    record = SearchRecord(**fields)
    alignment = Alignment(
        sequences=tuple(row.tobytes().decode("ascii") for row in letters),
        deletion_matrix=deletions,
        descriptions=descriptions,
        source=f"the stored search with {record.engine}",
    )
    return SearchResult(alignment=alignment, record=record)
