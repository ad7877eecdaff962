"""Structure files of a folder as chains to learn from, and for everything that is left out the reason."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.errors import InputError
from alphafold_lite.training.chains import COORDINATE_UNIT, to_aatype
from data_pipeline.parsers.mmcif import Structure, is_structure_file, read_structure, structure_name
from data_pipeline.parsers.structure_chains import StructureChain

LARGEST = np.iinfo(np.int16).max * COORDINATE_UNIT  # Å from the centre, as far as packed coordinates reach
CA = rc.atom_order["CA"]
UNASKED = "not asked for"
LEGACY_NAME = re.compile(r"pdb(\w{4})")  # pdb1abc.ent, as the archive names its PDB files
UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One chain from its first to its last residue with atoms; residues between without atoms are masked. Packed as `training.chains` reads it."""

    id: str  # STRUCTURE_CHAIN
    entry: str  # the structure's name: that of its file
    file: str  # below the folder
    is_only_chain: bool
    sequence: str
    full_sequence: str  # with what is missing at both ends
    start: int  # of `sequence` in `full_sequence`
    coords: Int[np.ndarray, "N_res 14 3"]  # 0.01 Å, centred
    mask: Bool[np.ndarray, "N_res 14"]
    resolution: float | None  # Å


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """A file (without `chain`) or a chain that is not used."""

    file: str
    chain: str
    kind: str  # in a word or two, for counting
    reason: str


def list_files(folder: Path) -> tuple[Path, ...]:
    """Structure files of a folder and its subfolders, by name.

    Raises:
        InputError: no folder, or none in it.
    """
    if not folder.is_dir():
        raise InputError("a folder of structures (--structures)", f"no folder {folder}", "correct the path")
    files = tuple(sorted(path for path in folder.rglob("*") if path.is_file() and is_structure_file(path)))
    if not files:
        kinds = ".pdb, .ent, .cif or .mmcif, each also with .gz"
        raise InputError(f"structure files ({kinds}) in {folder}", "none", "give another folder")
    return files


def read_all(folder: Path, files: Sequence[Path], wanted: frozenset[str] | None) -> Iterator[Candidate | Rejection]:
    """Every chain of every file that is wanted, or why it cannot be used; a damaged file is one rejection.

    Args:
        wanted: names of chains or structures in lower case; None: all.
    """
    seen: set[str] = set()
    for path in files:
        file, entry = path.relative_to(folder).as_posix(), entry_name(path)
        if wanted is not None and not any(_belongs(name, entry) for name in wanted):
            yield Rejection(file=file, chain="", kind=UNASKED, reason="not in --ids")
            continue
        try:
            structure = read_structure(path)
        except InputError as error:
            yield Rejection(file=file, chain="", kind="unreadable", reason=str(error))
            continue
        if not structure.chains:
            yield Rejection(file=file, chain="", kind="no protein", reason="no protein chain")
        yield from _chains(structure, file, entry, wanted, seen)


def entry_name(path: Path) -> str:
    """The structure's name by its file: `pdb1abc.ent.gz` and `1abc.cif` are both 1abc."""
    name = structure_name(path)
    legacy = LEGACY_NAME.fullmatch(name)
    return UNSAFE.sub("_", legacy[1] if legacy else name)


def _belongs(name: str, entry: str) -> bool:
    entry = entry.lower()
    return name == entry or name.startswith(f"{entry}_")


def _chains(
    structure: Structure, file: str, entry: str, wanted: frozenset[str] | None, seen: set[str]
) -> Iterator[Candidate | Rejection]:
    source = _Source(file=file, entry=entry, resolution=structure.resolution, has_one_chain=len(structure.chains) == 1)
    for chain in structure.chains:
        name = f"{entry}_{UNSAFE.sub('_', chain.id)}"
        if wanted is not None and not {name.lower(), entry.lower()} & wanted:
            yield Rejection(file=file, chain=chain.id, kind=UNASKED, reason="not in --ids")
        elif name in seen:
            yield Rejection(file=file, chain=chain.id, kind="same name", reason=f"another chain is called {name}, too")
        else:
            seen.add(name)
            yield _candidate(chain, name, source)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    file: str
    entry: str
    resolution: float | None
    has_one_chain: bool


def _candidate(chain: StructureChain, name: str, source: _Source) -> Candidate | Rejection:
    known = np.flatnonzero(chain.atom_mask[:, CA] > 0)
    if not len(known):
        return Rejection(file=source.file, chain=chain.id, kind="missing atoms", reason="no CA atom")
    rows = slice(int(known[0]), int(known[-1]) + 1)
    sequence = chain.sequence[rows]
    aatype = to_aatype(sequence)
    columns = rc.restype_atom14_to_atom37[aatype]
    mask = np.take_along_axis(chain.atom_mask[rows], columns, axis=1) * rc.restype_atom14_mask[aatype] > 0
    positions = np.take_along_axis(chain.atom_positions[rows], columns[..., None], axis=1)
    shifted = np.where(mask[..., None], positions - chain.atom_positions[known, CA].mean(0), 0.0)
    if np.abs(shifted).max() > LARGEST:
        reason = f"atoms over {LARGEST:.0f} Å from its centre"
        return Rejection(file=source.file, chain=chain.id, kind="too large", reason=reason)
    return Candidate(
        id=name,
        entry=source.entry,
        file=source.file,
        is_only_chain=source.has_one_chain,
        sequence=sequence,
        full_sequence=chain.sequence,
        start=rows.start,
        coords=np.rint(shifted / COORDINATE_UNIT).astype(np.int16),
        mask=mask,
        resolution=source.resolution,
    )
