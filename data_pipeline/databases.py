"""Databases on the user's disk: `--database PATH[:NAME]`, and `--data-dir` with the layout of AlphaFold's download scripts."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alphafold_lite.common.errors import InputError, MissingResourceError
from data_pipeline.parsers.text import quote

Kind = Literal["fasta", "hhsuite", "mmseqs2"]
_KIND_WORDS: dict[Kind, str] = {
    "fasta": "a FASTA file",
    "hhsuite": "an HH-suite database",
    "mmseqs2": "an MMseqs2 database",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RELEASE = re.compile(r"(?:19|20)\d\d[_-]\d\d|\d{2}[A-Z][a-z]{2}\d{2,4}")  # 2022_05, 06Jun2022
_HHSUITE_PARTS = tuple(f"_{part}.{end}" for part in ("a3m", "hhm", "cs219") for end in ("ffdata", "ffindex"))
_MMSEQS2_PARTS = ("", ".index", ".dbtype", "_h", "_h.index")
_MMSEQS2_AMINO, _MMSEQS2_PROFILE = 0, 2  # database types of MMseqs2 that proteins can be searched in
_STAMP_LENGTH = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Database:
    """One database as a program takes it. `version` changes when a file of it does (name, size or time of change)."""

    name: str
    path: Path  # the file, or the common beginning of the files' names
    kind: Kind
    version: str

    def require(self, kind: Kind, program: str) -> None:
        """Refuse a database of a kind that a program cannot read.

        Raises:
            InputError: it is of another kind.
        """
        if self.kind != kind:
            found = f"{_KIND_WORDS[self.kind]} ({self.path})"
            raise InputError(f"{_KIND_WORDS[kind]} for {program}", found, "name another --database or --msa-mode")


def parse_database(text: str) -> Database:
    """A database from `PATH` or `PATH:NAME`. A path that exists as it stands is never cut at its colon.

    Raises:
        InputError: an empty path or a name with other characters than letters, digits, `.`, `_` and `-`.
        MissingResourceError: no database lies there.
    """
    path, colon, name = text.rpartition(":")
    if not colon or _kind_at(Path(text)) is not None:
        path, name = text, ""
    if not path or (colon and not name and path != text):
        raise InputError("a database as PATH or PATH:NAME", quote(text), "give its path")
    if name and not _NAME.fullmatch(name):
        raise InputError("a database name of letters, digits, '.', '_' and '-'", quote(name), "shorten or change it")
    return open_database(Path(path), name=name)


def open_database(path: Path, *, name: str = "") -> Database:
    """Look at the files of a database and note their sizes and times.

    Raises:
        MissingResourceError: there is nothing that a search program can read.
        InputError: it is a file, but no FASTA.
    """
    kind = _kind_at(path)
    if kind is None:
        expected = f"a FASTA file, HH-suite or MMseqs2 database at {path}"
        raise MissingResourceError(expected, _what_is_there(path), "check the path (for HH-suite without _a3m.ffdata)")
    if kind == "fasta":
        _check_fasta(path)
    return Database(name=name or path.stem, path=path.absolute(), kind=kind, version=_version(path, kind))


def _kind_at(path: Path) -> Kind | None:
    if _beside(path, "_cs219.ffdata").is_file() or _beside(path, "_hhm.ffdata").is_file():
        return "hhsuite"
    dbtype = _beside(path, ".dbtype")
    if dbtype.is_file() and _beside(path, ".index").is_file():
        code = int.from_bytes(dbtype.read_bytes()[:2], "little")
        return "mmseqs2" if code in (_MMSEQS2_AMINO, _MMSEQS2_PROFILE) else None
    return "fasta" if path.is_file() else None


def _beside(path: Path, ending: str) -> Path:
    return path.parent / f"{path.name}{ending}"


def _what_is_there(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    return (
        "incomplete files" if path.parent.is_dir() and any(path.parent.glob(f"{_literal(path.name)}*")) else "nothing"
    )


def _literal(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def _check_fasta(path: Path) -> None:
    try:
        with path.open("rb") as stream:
            start = stream.read(2)
    except OSError as error:
        raise InputError(f"a readable FASTA file {path}", error.strerror or str(error), "check the path") from error
    if start == b"\x1f\x8b":
        raise InputError(f"a FASTA file {path}", "compressed data", "unpack it: the search programs read it many times")
    if not start.startswith(b">"):
        raise InputError(f"a FASTA file {path}", f"{start!r} at its start", "give a file that starts with '>'")


def _version(path: Path, kind: Kind) -> str:
    """Release (where a name says it) and a digest over name, size and time of change of every file."""
    endings = {"fasta": ("",), "hhsuite": _HHSUITE_PARTS, "mmseqs2": _MMSEQS2_PARTS}[kind]
    digest = hashlib.sha256()
    for ending in endings:
        part = _beside(path, ending)
        if part.is_file():
            state = part.stat()
            digest.update(f"{part.name} {state.st_size} {state.st_mtime_ns}\n".encode())
    stamp = digest.hexdigest()[:_STAMP_LENGTH]
    release = _RELEASE.search(path.name) or _RELEASE.search(path.parent.name)
    return f"{release.group()}-{stamp}" if release else stamp
