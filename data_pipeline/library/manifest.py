"""The manifest of a packed library: what its files hold, with a checksum for each, and reading them block by block.

Each file is a row of xz streams one after another (`xz -d` unpacks it too), so a reader unpacks only the block that it needs.
"""

import hashlib
import json
import lzma
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from alphafold_lite.common.errors import InputError, MissingResourceError

MANIFEST = "manifest.json"
CHAINS, SEQUENCES, BACKBONES, PROFILES = "chains.xz", "sequences.xz", "backbones.xz", "profiles.xz"
_FORMAT, _FORMAT_VERSION = "alphafold_lite library", 1
_VERSION_DIGITS = 16
_MAX_MANIFEST_BYTES = 2**26
_ACTION = "build the library again, or install the package again if it is the embedded one"


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedFile:
    """One file of a library."""

    sha256: str
    blocks: tuple[tuple[int, int], ...]  # bytes of each xz stream, packed and unpacked

    @property
    def num_bytes(self) -> int:
        """Size of the file."""
        return sum(packed for packed, _ in self.blocks)


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What a library holds."""

    name: str
    num_chains: int
    num_residues: int  # of the chains
    num_sequences: int  # of the sequence database, chains included
    block_starts: tuple[int, ...]  # first chain of each block of backbones and profiles, then `num_chains`
    raw_chains: tuple[int, ...]  # chains stored as coordinates, increasing
    validation_chains: tuple[int, ...]  # chains that nothing is trained on, increasing
    files: dict[str, PackedFile]

    def to_json(self) -> str:
        """The text of `manifest.json`; equal manifests give equal text."""
        files = {name: {"sha256": file.sha256, "blocks": file.blocks} for name, file in sorted(self.files.items())}
        content = {
            "format": _FORMAT,
            "format_version": _FORMAT_VERSION,
            "name": self.name,
            "num_chains": self.num_chains,
            "num_residues": self.num_residues,
            "num_sequences": self.num_sequences,
            "block_starts": self.block_starts,
            "raw_chains": self.raw_chains,
            "validation_chains": self.validation_chains,
            "files": files,
        }
        return json.dumps(content) + "\n"


def read_manifest(folder: Path) -> tuple[Manifest, str]:
    """The manifest of the library in a folder, and the hexadecimal digest that stands for the whole content.

    Raises:
        InputError: no library there, or one with a damaged manifest or of another version.
    """
    path = folder / MANIFEST
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_MANIFEST_BYTES)
    except OSError as error:
        found = error.strerror or str(error)
        raise InputError(
            f"a library folder with the file {path}", found, "name a folder made by `library build`"
        ) from error
    try:
        manifest = _parse(json.loads(data))
    except (IndexError, KeyError, TypeError, ValueError) as error:  # what json and foreign content raise
        found = f"{type(error).__name__}: {error}".replace("\n", " ")
        raise InputError(f"a library manifest of version {_FORMAT_VERSION} in {path}", found, _ACTION) from error
    return manifest, hashlib.sha256(data).hexdigest()[:_VERSION_DIGITS]


def _parse(content: dict[str, Any]) -> Manifest:
    if (content["format"], content["format_version"]) != (_FORMAT, _FORMAT_VERSION):
        raise ValueError(f"format {content['format']!r}, version {content['format_version']!r}")
    files = {
        name: PackedFile(
            sha256=str(content["files"][name]["sha256"]),
            blocks=tuple((_count(packed), _count(unpacked)) for packed, unpacked in content["files"][name]["blocks"]),
        )
        for name in (CHAINS, SEQUENCES, BACKBONES, PROFILES)
        if name != PROFILES or name in content["files"]
    }
    starts = tuple(_count(start) for start in content["block_starts"])
    num_chains = _count(content["num_chains"])
    if starts[0] != 0 or starts[-1] != num_chains or any(a >= b for a, b in pairwise(starts)):
        raise ValueError(f"blocks of chains from {starts[:1]} to {starts[-1:]} for {num_chains} chains")
    validation_chains = tuple(_count(chain) for chain in content.get("validation_chains", ()))
    if any(chain >= num_chains for chain in validation_chains):
        raise ValueError(f"a validation chain beyond the {num_chains} chains")
    return Manifest(
        name=str(content["name"]),
        num_chains=num_chains,
        num_residues=_count(content["num_residues"]),
        num_sequences=_count(content["num_sequences"]),
        block_starts=starts,
        raw_chains=tuple(_count(chain) for chain in content["raw_chains"]),
        validation_chains=validation_chains,
        files=files,
    )


def _count(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} where a count belongs")
    return value


class PackedReader:
    """One file of a library; its checksum is verified before the first block is unpacked."""

    def __init__(self, folder: Path, name: str, file: PackedFile) -> None:
        self._path, self._file, self._is_verified = folder / name, file, False

    def text(self, number: int) -> str:
        """A block of ASCII text; errors as for `block`."""
        try:
            return self.block(number).decode("ascii")
        except UnicodeDecodeError as error:
            raise self._damaged("letters beyond ASCII") from error

    def block(self, number: int) -> bytes:
        """One unpacked block.

        Raises:
            MissingResourceError: the file is not there or cannot be read.
            InputError: it is damaged.
        """
        if not self._is_verified:
            self.verify()
        if number >= len(self._file.blocks):
            raise self._damaged(f"{len(self._file.blocks)} blocks where number {number} is needed")
        packed, unpacked = self._file.blocks[number]
        data = self._read(sum(size for size, _ in self._file.blocks[:number]), packed)
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ)
        try:
            content = decompressor.decompress(data, max_length=unpacked + 1)
        except lzma.LZMAError as error:
            raise self._damaged(str(error)) from error
        if len(content) != unpacked:
            raise self._damaged(f"{len(content)} bytes in block {number} instead of {unpacked}")
        return content

    def verify(self) -> None:
        """Compare the file's checksum; errors as for `block`."""
        try:
            with self._path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise self._missing(error) from error
        if digest != self._file.sha256:
            raise self._damaged(f"sha256 {digest[:12]}… instead of {self._file.sha256[:12]}…")
        self._is_verified = True

    def _read(self, start: int, size: int) -> bytes:
        try:
            with self._path.open("rb") as stream:
                stream.seek(start)
                return stream.read(size)
        except OSError as error:
            raise self._missing(error) from error

    def _missing(self, error: OSError) -> MissingResourceError:
        return MissingResourceError(f"the library file {self._path}", error.strerror or str(error), _ACTION)

    def _damaged(self, found: str) -> InputError:
        return InputError(f"an undamaged library file {self._path}", found, _ACTION)
