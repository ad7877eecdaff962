"""Protein <-> PDB text (wwPDB format 3.3), heavy atoms from `Protein`, hydrogens where the relaxation supplies them. Å."""

import io
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from Bio.PDB.Model import Model
from Bio.PDB.PDBExceptions import PDBConstructionException
from Bio.PDB.PDBParser import PDBParser
from Bio.PDB.Residue import Residue
from jaxtyping import Float, Int

from alphafold_lite.common import residue_constants
from alphafold_lite.common.chains import CHAIN_IDS
from alphafold_lite.common.errors import InputError
from alphafold_lite.common.protein import Protein

MAX_RESIDUE_NUMBER, MIN_RESIDUE_NUMBER = 9999, -999  # four columns
MAX_SERIAL = 99999  # five columns
_REMARK_NUMBER = 220  # "theoretical modelling" in PDB format 2.3; unused by 3.3
_LINE = 80
_UNKNOWN_ATOMS = ("N", "CA", "C", "O", "CB", "OXT")

_Named = dict[int, list[tuple[str, Float[np.ndarray, "3"]]]]  # row of the residue -> names and positions


@runtime_checkable
class HydrogenAtoms(Protocol):
    """Atoms beside those of a `Protein`: row of the residue, PDB atom name and position (Å) of each."""

    @property
    def residue(self) -> Int[np.ndarray, "N_hydrogen"]: ...
    @property
    def names(self) -> Sequence[str]: ...
    @property
    def positions(self) -> Float[np.ndarray, "N_hydrogen 3"]: ...


def to_pdb(protein: Protein, *, remarks: Sequence[str] = (), hydrogens: HydrogenAtoms | None = None) -> str:
    """One MODEL with a TER after each chain; chain ids A-Z, a-z, 0-9 stand for `chain_index` 0-61.

    A residue without any atom has no line. Coordinates are rounded to 0.001 Å, B-factors (pLDDT) to 0.01; a hydrogen gets the
    B-factor of its residue's CA. Remarks become REMARK 220 lines: wrapped, and in ASCII.

    Raises:
        InputError: more chains, residue numbers or atoms than the format can number, or a number that does not fit its columns.
    """
    _check_numbering(protein)
    lines = list(_remark_lines(remarks))
    lines.append(f"MODEL     {1:>4}")
    lines.extend(_atom_lines(protein, _hydrogens_by_residue(hydrogens)))
    lines += ["ENDMDL", "END"]
    return "".join(f"{line:<{_LINE}}\n" for line in lines)


def _check_numbering(protein: Protein) -> None:
    chains, numbers = protein.chain_index, protein.residue_index
    if chains.size and (chains.min() < 0 or chains.max() >= len(CHAIN_IDS)):
        raise InputError(
            f"chain numbers 0 to {len(CHAIN_IDS) - 1}",
            f"chain number {int(chains.max() if chains.max() >= len(CHAIN_IDS) else chains.min())}",
            "write fewer chains: a PDB file has one letter or digit for each",
        )
    if numbers.size and (numbers.min() < MIN_RESIDUE_NUMBER or numbers.max() > MAX_RESIDUE_NUMBER):
        worst = numbers.max() if numbers.max() > MAX_RESIDUE_NUMBER else numbers.min()
        raise InputError(
            f"residue numbers {MIN_RESIDUE_NUMBER} to {MAX_RESIDUE_NUMBER}",
            f"residue number {int(worst)}",
            "write a shorter chain: a PDB file has four columns for the number",
        )
    pairs, counts = np.unique(np.stack([chains, numbers], axis=1), axis=0, return_counts=True)
    if (counts > 1).any():
        chain, number = pairs[counts > 1][0]
        raise InputError(
            "residue numbers that occur once in their chain",
            f"number {int(number)} twice in chain {CHAIN_IDS[int(chain)]}",
            "renumber the residues of that chain",
        )


def _remark_lines(remarks: Sequence[str]) -> Iterator[str]:
    prefix = f"REMARK {_REMARK_NUMBER:>3} "
    for remark in remarks:
        plain = "".join(letter if " " <= letter <= "~" else "?" for letter in " ".join(remark.split()))
        yield from (prefix + part for part in textwrap.wrap(plain, _LINE - len(prefix)))


def _hydrogens_by_residue(hydrogens: HydrogenAtoms | None) -> _Named:
    found: _Named = {}
    if hydrogens is not None:
        for row, name, position in zip(hydrogens.residue, hydrogens.names, hydrogens.positions, strict=True):
            found.setdefault(int(row), []).append((name, position))
    return found


def _residue_atoms(protein: Protein, row: int) -> Iterator[tuple[str, Float[np.ndarray, "3"], float]]:
    for column in np.flatnonzero(protein.atom_mask[row] > 0.5):
        yield (
            residue_constants.atom_types[column],
            protein.atom_positions[row, column],
            float(protein.b_factors[row, column]),
        )


def _atom_lines(protein: Protein, hydrogens: _Named) -> Iterator[str]:
    serial, last = 1, None
    ca = residue_constants.atom_order["CA"]
    for row in range(len(protein.aatype)):
        atoms = [*_residue_atoms(protein, row)]
        atoms += [(name, position, float(protein.b_factors[row, ca])) for name, position in hydrogens.get(row, [])]
        if not atoms:
            continue
        label = _residue_label(protein, row)
        if last is not None and last[4] != label[4]:
            yield f"TER   {_serial(serial):>5}      {last}"
            serial += 1
        for name, position, b_factor in atoms:
            yield _atom_line(_serial(serial), name, label, position, b_factor)
            serial += 1
        last = label
    if last is not None:
        yield f"TER   {_serial(serial):>5}      {last}"


def _residue_label(protein: Protein, row: int) -> str:
    """Columns 18-26: residue name, chain and number."""
    number = int(protein.aatype[row])
    letter = residue_constants.restypes[number] if number < len(residue_constants.restypes) else None
    name = "UNK" if letter is None else residue_constants.restype_1to3[letter]
    return f"{name:>3} {CHAIN_IDS[int(protein.chain_index[row])]}{int(protein.residue_index[row]):>4}"


def _serial(serial: int) -> int:
    if serial > MAX_SERIAL:
        raise InputError(
            f"at most {MAX_SERIAL} atoms and chain ends",
            "more",
            "write fewer residues: a PDB file has five columns for the atom number",
        )
    return serial


def _atom_line(serial: int, name: str, label: str, position: Float[np.ndarray, "3"], b_factor: float) -> str:
    numbers = "".join(_column(float(value), 8, 3, name, label) for value in position)
    temperature = _column(b_factor, 6, 2, name, label)
    padded = f"{name:<4}" if len(name) >= 4 else f" {name:<3}"
    return f"ATOM  {serial:>5} {padded} {label}    {numbers}{1.0:6.2f}{temperature}          {name[0]:>2}"


def _column(value: float, width: int, decimals: int, name: str, label: str) -> str:
    text = f"{round(value, decimals) + 0.0:{width}.{decimals}f}"  # + 0.0 turns -0.0 into 0.0
    if len(text) > width or not np.isfinite(value):
        raise InputError(
            f"numbers that fit {width} columns with {decimals} decimals",
            f"{value:g} at atom {name} of {label}",
            "do not write this structure as PDB; its coordinates or scores are not sensible",
        )
    return text


def from_pdb(text: str, *, chain: str | None = None) -> Protein:
    """The first model of a PDB file: amino acids only, heavy atoms that AlphaFold knows only.

    Chains are numbered in the order in which they appear. Of alternative locations the one with the highest occupancy is taken;
    selenomethionine is read as methionine; other modified amino acids become X (backbone and CB kept); water and ligands are left
    out. A residue with an insertion code takes the next number, and those after it in its chain shift with it.

    Args:
        chain: read only the chain with this id.

    Raises:
        InputError: nothing readable, or no such chain.
    """
    try:
        structure = PDBParser(QUIET=True).get_structure("pdb", io.StringIO(text))
    except (PDBConstructionException, ValueError, IndexError) as error:
        raise InputError("a PDB file", f"text that cannot be read ({error})", "check the file") from error
    models: list[Model] = [] if structure is None else list(structure)
    chains = [entry for entry in models[0] if chain is None or entry.id == chain] if models else []
    rows: list[tuple[int, int, Residue]] = []
    number_of_chains = 0
    for entry in chains:
        found = [(number, residue) for number, residue in _numbered(entry) if _is_amino_acid(residue)]
        rows.extend((number_of_chains, number, residue) for number, residue in found)
        number_of_chains += bool(found)
    if not rows:
        what = "no ATOM record of an amino acid" if chain is None else f"no amino acid in chain {chain!r}"
        raise InputError("a PDB file with a protein chain", what, "check the file and the chain id")
    return _to_protein(rows)


def _numbered(residues: Iterable[Residue]) -> Iterator[tuple[int, Residue]]:
    shift = 0
    for residue in residues:
        _, number, insertion_code = residue.id
        shift += bool(insertion_code.strip())
        yield number + shift, residue


def _is_amino_acid(residue: Residue) -> bool:
    kind, names = residue.id[0].strip(), {atom.name for atom in residue}
    if kind == "W":
        return False
    if kind:
        return {"N", "CA", "C"} <= names
    return bool(names & set(residue_constants.atom_order))


def _to_protein(rows: Sequence[tuple[int, int, Residue]]) -> Protein:
    shape = (len(rows), len(residue_constants.atom_types))
    positions, mask, b_factors = (
        np.zeros((*shape, 3), np.float32),
        np.zeros(shape, np.float32),
        np.zeros(shape, np.float32),
    )
    aatype = np.full(len(rows), residue_constants.unk_restype_index, np.int32)
    for row, (_, _, residue) in enumerate(rows):
        letter = residue_constants.restype_3to1.get("MET" if residue.resname == "MSE" else residue.resname.strip(), "X")
        aatype[row] = residue_constants.restypes_with_x.index(letter)
        for atom in residue:
            name = "SD" if residue.resname == "MSE" and atom.name == "SE" else atom.name
            column = residue_constants.atom_order.get(name)
            if column is not None and _belongs(int(aatype[row]), name, column):
                positions[row, column], mask[row, column] = atom.coord, 1.0
                b_factors[row, column] = atom.bfactor
    return Protein(
        atom_positions=positions,
        atom_mask=mask,
        aatype=aatype,
        residue_index=np.array([number for _, number, _ in rows], np.int32),
        chain_index=np.array([chain for chain, _, _ in rows], np.int32),
        b_factors=b_factors,
    )


def _belongs(aatype: int, name: str, column: int) -> bool:
    if aatype == residue_constants.unk_restype_index:
        return name in _UNKNOWN_ATOMS
    return name == "OXT" or bool(residue_constants.restype_atom37_mask[aatype, column] > 0.5)
