"""`--data-dir DIR`: what of the layout that AlphaFold's download scripts leave is there, and what is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from alphafold_lite.common.errors import InputError, MissingResourceError
from data_pipeline.databases import Database, open_database

_HHSUITE_END = "_cs219.ffdata"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where a database lies; a pattern that ends in `_cs219.ffdata` stands for an HH-suite database."""

    role: str
    patterns: tuple[str, ...]
    use: str


# Folder and file names: the download_*.sh scripts of AlphaFold 2 (releases 2.0 to 2.3).
_PLACES = (
    _Place(role="uniref90", patterns=("uniref90/uniref90.fasta",), use="MSA (jackhmmer)"),
    _Place(role="mgnify", patterns=("mgnify/mgy_clusters*.fa",), use="MSA (jackhmmer)"),
    _Place(role="small_bfd", patterns=("small_bfd/bfd-first_non_consensus_sequences.fasta",), use="MSA (jackhmmer)"),
    _Place(role="bfd", patterns=(f"bfd/bfd_metaclust_*{_HHSUITE_END}",), use="MSA (hhblits)"),
    _Place(
        role="uniref30",
        patterns=(
            f"uniref30/*{_HHSUITE_END}",
            f"uniclust30/*{_HHSUITE_END}",
            f"uniclust30/*/*{_HHSUITE_END}",
        ),
        use="MSA (hhblits)",
    ),
    _Place(role="uniprot", patterns=("uniprot/uniprot.fasta",), use="species pairing (jackhmmer)"),
    _Place(role="pdb70", patterns=(f"pdb70/pdb70{_HHSUITE_END}",), use="templates (hhsearch)"),
    _Place(role="pdb_seqres", patterns=("pdb_seqres/pdb_seqres.txt",), use="templates (hmmsearch)"),
)
_STRUCTURES = "pdb_mmcif/mmcif_files"
_OBSOLETE = "pdb_mmcif/obsolete.dat"
_MSA_ROLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"jackhmmer": ("uniref90", "mgnify", "small_bfd"), "hhblits": ("bfd", "uniref30")}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """A part of the layout that cannot be used."""

    role: str
    expected: str  # below the data folder
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFolder:
    """What a data folder offers."""

    folder: Path
    databases: Mapping[str, Database]  # by role: uniref90, mgnify, small_bfd, bfd, uniref30, uniprot, pdb70, pdb_seqres
    structures: Path | None  # folder of mmCIF files
    obsolete: Path | None  # the PDB's list of replaced entries
    missing: tuple[Missing, ...]

    def msa_databases(self, mode: str) -> tuple[Database, ...]:
        """The databases for one `--msa-mode`, in AlphaFold's order; none for modes that cannot read these.

        Raises:
            MissingResourceError: the mode could use this layout, but none of its databases is there.
        """
        roles = _MSA_ROLES.get(mode, ())
        found = tuple(self.databases[role] for role in roles if role in self.databases)
        if roles and not found:
            wanted = " or ".join(_place(role).patterns[0] for role in roles)
            raise MissingResourceError(f"{wanted} below {self.folder}", "none", "download one or change --msa-mode")
        return found

    def describe(self) -> tuple[str, ...]:
        """One line a part, those found first."""
        lines = [
            f"found {role}: {found.path} ({_place(role).use}; version {found.version})"
            for role, found in self.databases.items()
        ]
        lines += [f"found structures: {self.structures}"] if self.structures else []
        lines += [f"found obsolete entries: {self.obsolete}"] if self.obsolete else []
        return (*lines, *(f"missing {part.role}: {part.expected} ({part.reason})" for part in self.missing))


def read_data_folder(folder: Path) -> DataFolder:
    """Look for every part of the layout; what is not there, or cannot be used, is listed with its reason.

    Raises:
        MissingResourceError: the folder is not there or holds no part at all.
    """
    if not folder.is_dir():
        raise MissingResourceError(f"a data folder at {folder}", "no folder", "check --data-dir")
    databases: dict[str, Database] = {}
    missing: list[Missing] = []
    for place in _PLACES:
        found = _look(folder, place)
        if isinstance(found, Database):
            databases[place.role] = found
        else:
            missing.append(found)
    structures, obsolete = folder / _STRUCTURES, folder / _OBSOLETE
    has_structures = structures.is_dir() and any(structures.iterdir())
    if not has_structures:
        reason = "an empty folder" if structures.is_dir() else "no such folder"
        missing.append(Missing(role="structures", expected=_STRUCTURES, reason=reason))
    if not obsolete.is_file():
        missing.append(Missing(role="obsolete entries", expected=_OBSOLETE, reason="no such file"))
    if not databases and not has_structures:
        known = ", ".join(place.patterns[0] for place in _PLACES[:3])
        raise MissingResourceError(f"AlphaFold's databases ({known}, ...) below {folder}", "none", "check --data-dir")
    return DataFolder(
        folder=folder,
        databases=MappingProxyType(databases),
        structures=structures if has_structures else None,
        obsolete=obsolete if obsolete.is_file() else None,
        missing=tuple(missing),
    )


def _place(role: str) -> _Place:
    return next(place for place in _PLACES if place.role == role)


def _look(folder: Path, place: _Place) -> Database | Missing:
    """The newest by name of what the first fitting pattern finds."""
    for pattern in place.patterns:
        paths = sorted(path for path in folder.glob(pattern) if path.is_file())
        if not paths:
            continue
        path = paths[-1]
        if pattern.endswith(_HHSUITE_END):
            path = path.with_name(path.name.removesuffix(_HHSUITE_END))
        try:
            return open_database(path, name=place.role)
        except InputError as error:
            return Missing(role=place.role, expected=str(path.relative_to(folder)), reason=f"found {error.found}")
    return Missing(role=place.role, expected=place.patterns[0], reason=_why_not(folder, place.patterns[0]))


def _why_not(folder: Path, pattern: str) -> str:
    parent, _, name = pattern.rpartition("/")
    if not (folder / parent).is_dir():
        return f"no folder {parent}"
    packed = next((path.name for path in sorted((folder / parent).glob(f"{name}.*"))), None)
    return f"only {packed}, not unpacked" if packed else "no such file"
