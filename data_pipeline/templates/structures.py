"""Structures of PDB entries from a folder, as AlphaFold's `pdb_mmcif` or a mirror of the PDB lays them out."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.mmcif import Structure, read_structure
from data_pipeline.parsers.text import read_text

_ENTRY = re.compile(r"[A-Za-z0-9]{4}")
_ENDINGS = (".cif", ".cif.gz", ".pdb", ".pdb.gz", ".ent", ".ent.gz")
_LONGEST_SUCCESSION = 10  # entries that replaced one another


@runtime_checkable
class StructureSource(Protocol):
    """Where structures of PDB entries come from."""

    def read(self, entry: str) -> Structure | None:
        """The structure of an entry (four letters); None where there is none.

        Raises:
            InputError: there is a file, and it cannot be read.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class StructureFolder:
    """Files named by entry, all in one folder or in one for the two middle letters. The structure read last is kept."""

    folder: Path
    successors: Mapping[str, str] = field(default_factory=dict[str, str])  # of withdrawn entries, lower case
    _last: dict[str, Structure] = field(default_factory=dict[str, Structure])

    @classmethod
    def open(cls, folder: Path, obsolete: Path | None = None) -> "StructureFolder":
        """A folder, and the PDB's list of withdrawn entries (`obsolete.dat`).

        Raises:
            InputError: no such folder, or a list that cannot be read.
        """
        if not folder.is_dir():
            raise InputError(f"a folder of structure files {folder}", "none", "check the path")
        return cls(folder=folder, successors={} if obsolete is None else read_obsolete(read_text(obsolete)))

    def read(self, entry: str) -> Structure | None:
        """The structure of an entry, or of the one that replaced it."""
        if _ENTRY.fullmatch(entry) is None:
            return None
        name = entry.lower()
        for _ in range(_LONGEST_SUCCESSION):
            if name in self._last:
                return self._last[name]
            path = next((path for path in self._paths(name) if path.is_file()), None)
            if path is not None:
                self._last.clear()
                self._last[name] = read_structure(path)
                return self._last[name]
            if name not in self.successors:
                return None
            name = self.successors[name]
        return None

    def _paths(self, name: str) -> Iterator[Path]:
        for folder in (self.folder, self.folder / name[1:3]):
            for written in (name, name.upper(), f"pdb{name}"):
                yield from (folder / f"{written}{ending}" for ending in _ENDINGS)


def read_obsolete(text: str) -> dict[str, str]:
    """Withdrawn entries and what replaced them, lower case, from lines such as `OBSLTE    31-JUL-94 116L     216L`."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        fields = line.split()
        if len(fields) >= 4 and fields[0] == "OBSLTE" and all(_ENTRY.fullmatch(word) for word in fields[2:4]):
            found[fields[2].lower()] = fields[3].lower()
    return found
