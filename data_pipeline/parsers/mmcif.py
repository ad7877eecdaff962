"""Structure files (mmCIF and PDB, each also compressed by gzip) to protein chains, through gemmi. Å."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import gemmi

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.structure_chains import StructureChain, protein_chains
from data_pipeline.parsers.text import quote, read_text

__all__ = ["Structure", "StructureChain", "is_structure_file", "read_structure", "structure_name"]

CIF_ENDINGS, PDB_ENDINGS = (".cif", ".mmcif"), (".pdb", ".ent")
MAX_COORDINATE = 1e5  # Å; what a PDB column can hold
_RESOLUTION_KEYS = (  # the first that has a number
    "_refine.ls_d_res_high",
    "_em_3d_reconstruction.resolution",
    "_reflns.d_resolution_high",
)
_COORDINATES = ("_atom_site.Cartn_x", "_atom_site.Cartn_y", "_atom_site.Cartn_z")
_FIRST_REVISION = re.compile(r"^REVDAT +1 +(\d\d-[A-Z]{3}-\d\d) ", re.MULTILINE)
_CENTURY_TURN = 70  # two-digit years from here on are of the 20th century: the PDB began in 1971
_ACTION = "check the file, or fetch it again"
_GEMMI_ERRORS = (ValueError, RuntimeError, IndexError, OverflowError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Structure:
    """The first model of a structure file: its protein chains, and what the header says."""

    entry: str  # lower case; the file's name where the file has none
    chains: tuple[StructureChain, ...]  # a name occurs twice only where the file gives it to two polymers
    release_date: date | None  # of the first release
    resolution: float | None  # Å
    method: str  # lower case, such as "x-ray diffraction"; empty where not known


def is_structure_file(path: Path) -> bool:
    """Whether the name is that of a structure file."""
    return _ending(path) in CIF_ENDINGS + PDB_ENDINGS


def structure_name(path: Path) -> str:
    """The file's name without its endings."""
    return Path(path.name.removesuffix(".gz")).stem


def read_structure(path: Path) -> Structure:
    """Read `.cif`, `.mmcif`, `.pdb` or `.ent`, each also with `.gz`.

    Of several models the first is taken, of alternative atoms those with the highest occupancy (the first of equals). Selenomethionine is
    read as methionine with SE as SD, other modified residues by their parent's letter; NH2 of an arginine is the one further from CD.
    Nucleic acids, ligands and water are passed over; a file without any protein gives no chains.

    Raises:
        InputError: another ending, or a file that cannot be read, is damaged, or has no atoms.
    """
    text = read_text(path)
    ending = _ending(path)
    if ending in CIF_ENDINGS:
        return _from_mmcif(text, path)
    if ending in PDB_ENDINGS:
        return _from_pdb(text, path)
    kinds = ", ".join(f"*{known}" for known in CIF_ENDINGS + PDB_ENDINGS)
    raise InputError(f"a structure file ({kinds}, each also with .gz)", path.name, "rename or convert the file")


def _ending(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def _from_mmcif(text: str, path: Path) -> Structure:
    try:
        blocks = [block for block in gemmi.cif.read_string(text) if block.find_values(_COORDINATES[0])]
        if not blocks:
            raise InputError(f"atoms (a loop _atom_site) in {path}", "none", _ACTION)
        block = blocks[0]
        structure = gemmi.make_structure_from_block(block)
    except _GEMMI_ERRORS as error:
        raise _unreadable("an mmCIF file", path, error) from error
    for column in _COORDINATES:
        for value in block.find_values(column):
            _check_coordinate(value, path)
    methods = (gemmi.cif.as_string(value) for value in block.find_values("_exptl.method"))
    return Structure(
        entry=_entry(gemmi.cif.as_string(block.find_value("_entry.id") or ""), path),
        chains=_chains(structure, path),
        release_date=_earliest(block.find_values("_pdbx_audit_revision_history.revision_date")),
        resolution=_first_number(value for key in _RESOLUTION_KEYS for value in block.find_values(key)),
        method=",".join(methods).lower(),
    )


def _from_pdb(text: str, path: Path) -> Structure:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith(("ATOM  ", "HETATM")):
            for column in (30, 38, 46):
                _check_coordinate(line[column : column + 8].strip(), path, f" in line {number}")
    try:
        structure = gemmi.read_pdb_string(text)
    except _GEMMI_ERRORS as error:
        raise _unreadable("a PDB file", path, error) from error
    info = dict(structure.info.items())
    revision = _FIRST_REVISION.search(text)
    return Structure(
        entry=_entry(info.get("_entry.id", ""), path),
        chains=_chains(structure, path),
        release_date=None if revision is None else _pdb_date(revision[1]),
        resolution=structure.resolution or None,
        method=info.get("_exptl.method", "").lower(),
    )


def _chains(structure: gemmi.Structure, path: Path) -> tuple[StructureChain, ...]:
    if not len(structure) or not structure[0].count_atom_sites():
        raise InputError(f"atoms in {path}", "none", _ACTION)
    try:
        return tuple(protein_chains(structure))
    except _GEMMI_ERRORS as error:
        raise _unreadable("a structure", path, error) from error


def _check_coordinate(value: str, path: Path, place: str = "") -> None:
    """A number that a structure can have, or one of the two marks of mmCIF for none (such atoms are passed over)."""
    if value in ("?", ".") and not place:
        return
    try:
        if abs(float(value.split("(")[0])) < MAX_COORDINATE:  # mmCIF may give the deviation in brackets
            return
    except ValueError:
        pass
    raise InputError(f"coordinates of atoms in {path}", f"{quote(value)}{place}", _ACTION)


def _unreadable(kind: str, path: Path, error: Exception) -> InputError:
    found = " ".join(str(error).split()) or type(error).__name__
    return InputError(f"{kind} in {path}", f"text that cannot be read ({found[:200]})", _ACTION)


def _entry(name: str, path: Path) -> str:
    return (name.strip() or structure_name(path)).lower()


def _earliest(values: Iterable[str]) -> date | None:
    found: list[date] = []
    for value in values:
        try:
            found.append(date.fromisoformat(gemmi.cif.as_string(value)))
        except ValueError:
            continue  # "?" and the like
    return min(found, default=None)


def _pdb_date(text: str) -> date | None:
    try:
        found = datetime.strptime(text, "%d-%b-%y").date()
    except ValueError:
        return None
    century = 1900 if found.year % 100 >= _CENTURY_TURN else 2000
    return found.replace(year=century + found.year % 100)


def _first_number(values: Iterable[str]) -> float | None:
    numbers = (gemmi.cif.as_number(value) for value in values)
    return next((number for number in numbers if number > 0), None)
