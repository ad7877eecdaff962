"""A library of a user's own: any folder of structure files and any FASTA file, packed as the embedded one is (without profiles)."""

import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from jaxtyping import Float

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.errors import InputError
from data_pipeline.library.packing import MAX_COORDINATE, LibraryContents, write_library
from data_pipeline.parsers.mmcif import StructureChain, is_structure_file, read_structure
from data_pipeline.parsers.names import safe_name
from data_pipeline.parsers.records import RawRecord, split_records
from data_pipeline.parsers.text import describe, quote, read_text

MIN_RESIDUES = 20  # with N, CA, C and O; a shorter piece is no template
MAX_UNKNOWN_FRACTION = 0.5  # of a chain
_ATOMS = [rc.atom_order[name] for name in ("N", "CA", "C", "O")]
_RESIDUES = frozenset("ACDEFGHIKLMNPQRSTVWYXBZ")
_PADDING = str.maketrans("", "", "*-.")  # stop signs, and gaps of sequences taken from alignments
_TO_UNKNOWN = str.maketrans("JOU", "XXX")
_PROGRESS_FILES = 200  # structure files between two lines of the log
_log = logging.getLogger("alphafold_lite")


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """What could not be used, and why."""

    name: str  # a file, a chain of a file, or a sequence
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildReport:
    """What a build put in and what it left out."""

    num_chains: int
    num_sequences: int  # chains included
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Chain:
    name: str
    sequence: str
    day: date | None
    backbone: Float[np.ndarray, "N_res 4 3"]


def build_library(structures: Path | None, sequences: Path | None, out: Path) -> BuildReport:
    """Pack all structure files below a folder and all sequences of a FASTA file into the new folder `out`.

    A chain is stored with those of its residues that have N, CA, C and O, sequence included; chains of fewer than 20 such residues, files
    and sequences that cannot be read are left out and named in the report.

    Raises:
        InputError: `out` exists or cannot be written, a source is not there, or nothing usable is in them.
    """
    if os.path.lexists(out):
        raise InputError(f"a new folder {out}", "one that exists", "name another, or remove it")
    if structures is None and sequences is None:
        raise InputError("structures, sequences or both", "neither", "give --structures DIR or --sequences FASTA")
    skipped: list[Skipped] = []
    chains = _read_chains(structures, skipped) if structures else []
    names, letters = _read_sequences(sequences, skipped) if sequences else ((), ())
    if not chains and not names:
        first = f"{skipped[0].name}: {skipped[0].reason}" if skipped else "no structure file"
        raise InputError("at least one usable chain or sequence", first, "check the files")
    contents = LibraryContents(
        name=out.name,
        chain_names=tuple(chain.name for chain in chains),
        chain_sequences=tuple(chain.sequence for chain in chains),
        chain_dates=tuple(chain.day for chain in chains),
        backbones=tuple(chain.backbone for chain in chains),
        profiles=None,
        sequence_names=names,
        sequences=letters,
    )
    num_sequences = _write(contents, out)
    return BuildReport(num_chains=len(chains), num_sequences=num_sequences, skipped=tuple(skipped))


def _write(contents: LibraryContents, out: Path) -> int:
    """Into a folder beside the target, renamed when complete."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        manifest = write_library(contents, temporary)
        temporary.rename(out)
    except OSError as error:
        raise InputError(f"a writable folder {out}", error.strerror or str(error), "check the path") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # nothing is left there after the renaming
    return manifest.num_sequences


def _read_chains(folder: Path, skipped: list[Skipped]) -> list[_Chain]:
    """Usable chains of all structure files, sorted by name."""
    if not folder.is_dir():
        raise InputError(f"a folder of structures {folder}", "none", "check the path")
    chains: dict[str, _Chain] = {}
    paths = sorted(path for path in folder.rglob("*") if is_structure_file(path) and path.is_file())
    for number, path in enumerate(paths, start=1):
        for chain in _chains_of_file(path, folder, skipped):
            if chain.name in chains:
                skipped.append(
                    Skipped(
                        name=f"{path.relative_to(folder)}, chain {chain.name}", reason="a chain of this name is there"
                    )
                )
            else:
                chains[chain.name] = chain
        if number % _PROGRESS_FILES == 0:
            _log.info("%d of %d structure files, %d chains", number, len(paths), len(chains))
    return [chains[name] for name in sorted(chains)]


def _chains_of_file(path: Path, folder: Path, skipped: list[Skipped]) -> Iterator[_Chain]:
    place = str(path.relative_to(folder))
    try:
        structure = read_structure(path)
    except InputError as error:
        skipped.append(Skipped(name=place, reason=f"expected {error.expected}, found {error.found}"))
        return
    if not structure.chains:
        skipped.append(Skipped(name=place, reason="no protein chain"))
    seen: dict[str, str] = {}
    for chain in structure.chains:
        sequence, backbone = _observed(chain)
        reason = _objection(sequence, backbone)
        if sequence in seen:
            reason = f"the same residues as chain {seen[sequence]}"
        if reason:
            skipped.append(Skipped(name=f"{place}, chain {chain.id}", reason=reason))
            continue
        seen[sequence] = chain.id
        name = safe_name(f"{structure.entry}_{chain.id}")
        yield _Chain(name=name, sequence=sequence, day=structure.release_date, backbone=backbone)


def _observed(chain: StructureChain) -> tuple[str, Float[np.ndarray, "N_res 4 3"]]:
    """Residues with a complete backbone."""
    complete = np.flatnonzero((chain.atom_mask[:, _ATOMS] > 0).all(axis=1))
    return "".join(chain.sequence[place] for place in complete), chain.atom_positions[complete][:, _ATOMS]


def _objection(sequence: str, backbone: Float[np.ndarray, "N_res 4 3"]) -> str:
    if len(sequence) < MIN_RESIDUES:
        return f"{len(sequence)} residues with N, CA, C and O, fewer than {MIN_RESIDUES}"
    if sequence.count("X") > MAX_UNKNOWN_FRACTION * len(sequence):
        return "mostly unknown residues"
    return "" if (np.abs(backbone) < MAX_COORDINATE).all() else "coordinates beyond any structure"


def _read_sequences(path: Path, skipped: list[Skipped]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names: list[str] = []
    sequences: list[str] = []
    for record in split_records(read_text(path), source=str(path)):
        name, sequence = _name(record), record.sequence.upper().translate(_PADDING).translate(_TO_UNKNOWN)
        foreign = sorted(set(sequence) - _RESIDUES)
        if foreign or not sequence:
            reason = f"the letter {describe(foreign[0])}" if foreign else "no residues"
            skipped.append(Skipped(name=f"sequence {quote(name)} (line {record.line} of {path.name})", reason=reason))
            continue
        names.append(name)
        sequences.append(sequence)
    return tuple(names), tuple(sequences)


def _name(record: RawRecord) -> str:
    """The first word of the header, in ASCII."""
    words = record.header.split(maxsplit=1)
    word = words[0].encode("ascii", "replace").decode("ascii") if words else ""
    return "".join(letter if letter.isprintable() else "?" for letter in word) or f"line_{record.line}"
