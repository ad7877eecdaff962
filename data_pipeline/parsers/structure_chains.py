"""Protein chains of a structure that gemmi has read, laid onto their full sequences in the atom37 layout. Å."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import gemmi
import numpy as np
from jaxtyping import Float

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.backbone import with_arginine_names

MAX_NUMBERING_GAP = 1000  # residues; a larger jump in the numbering is a change of scheme and no missing piece
MAX_PEPTIDE_BOND = 2.0  # Å between C and N; 1.33 in a real one
MAX_NEIGHBOUR_CA = 4.5  # Å between neighbouring CA atoms; 3.8 in a real chain
_PEPTIDES = (gemmi.PolymerType.PeptideL, gemmi.PolymerType.PeptideD)
_UNDECIDED = (gemmi.PolymerType.Unknown, gemmi.PolymerType.Other, gemmi.PolymerType.CyclicPseudoPeptide)
_SELENOMETHIONINE, _SELENIUM = "MSE", "SE"
_NO_CHAIN_NAME = "A"  # for files whose chains have none

Placed = list[tuple[int, gemmi.Residue]]  # place in the sequence, from 0


@dataclass(frozen=True, kw_only=True, slots=True)
class StructureChain:
    """One protein chain. Positions of the sequence without atoms have a mask of 0."""

    id: str  # the author's chain name
    sequence: str  # 20 letters and X; modified residues by their parent's letter
    atom_positions: Float[np.ndarray, "N 37 3"]
    atom_mask: Float[np.ndarray, "N 37"]


def protein_chains(structure: gemmi.Structure) -> Iterator[StructureChain]:
    """Every protein chain of the first model that has atoms, in file order.

    The sequence is that of the entity (SEQRES). Without one it is read off the residues; where their numbers jump ahead by up to
    `MAX_NUMBERING_GAP` and no peptide bond joins them, the missing ones become X without atoms.
    """
    for chain in structure[0]:
        chain.name = chain.name.strip() or _NO_CHAIN_NAME
    structure.setup_entities()
    structure.assign_label_seq_id()
    for chain in structure[0]:
        for span in chain.subchains():
            entity, residues = _polymer(structure, span), list(span)
            if entity is None or not _is_protein(entity, residues):
                continue
            found = _chain(chain.name, entity.full_sequence, residues)
            if found.atom_mask.any():
                yield found


def _polymer(structure: gemmi.Structure, span: gemmi.ResidueSpan) -> gemmi.Entity | None:
    entity: gemmi.Entity | None = structure.get_entity_of(span)
    return entity if entity and entity.entity_type == gemmi.EntityType.Polymer else None


def _is_protein(entity: gemmi.Entity, residues: Sequence[gemmi.Residue]) -> bool:
    if entity.polymer_type in _PEPTIDES:
        return True
    return entity.polymer_type in _UNDECIDED and any(_tabulated(r.name).is_amino_acid() for r in residues)


def _tabulated(name: str) -> gemmi.ResidueInfo:
    return gemmi.find_tabulated_residue(name)


def _letter(name: str) -> str:
    info = _tabulated(name)
    letter = info.one_letter_code.upper() if info.is_amino_acid() else "X"
    return letter if letter in rc.restype_order else "X"


def _chain(name: str, full_sequence: Sequence[str], residues: Sequence[gemmi.Residue]) -> StructureChain:
    monomers = [gemmi.Entity.first_mon(entry) for entry in full_sequence]
    numbers = [residue.label_seq for residue in residues]
    if monomers and all(number is not None and 1 <= number <= len(monomers) for number in numbers):
        placed = [(number - 1, r) for number, r in zip(numbers, residues, strict=True) if number is not None]
        placed = _one_each(placed, monomers)
    else:
        placed = _one_each(_by_numbering(residues), [])
        known = {place: residue.name for place, residue in placed}
        monomers = [known.get(place, "UNK") for place in range(max(known) + 1)]
    sequence = "".join(_letter(monomer) for monomer in monomers)
    positions, mask = _atoms(placed, len(sequence))
    aatype = np.array([rc.restypes_with_x.index(letter) for letter in sequence], np.int32)
    return StructureChain(
        id=name, sequence=sequence, atom_positions=with_arginine_names(aatype, positions, mask), atom_mask=mask
    )


def _one_each(placed: Placed, monomers: Sequence[str]) -> Placed:
    """Of several residues in one place, the one that the sequence names, else the one with most occupancy (the first of equals)."""
    best: dict[int, tuple[tuple[bool, float], gemmi.Residue]] = {}
    for place, residue in placed:
        named = place < len(monomers) and monomers[place] == residue.name
        occupancies = [atom.occ for atom in residue]
        rank = named, sum(occupancies) / max(len(occupancies), 1)
        if place not in best or rank > best[place][0]:
            best[place] = rank, residue
    return [(place, residue) for place, (_, residue) in best.items()]


def _by_numbering(residues: Sequence[gemmi.Residue]) -> Placed:
    """Places from the residues' order, with room for those whose numbers are left out."""
    by_label = all(residue.label_seq is not None for residue in residues)
    placed: Placed = []
    place, last = -1, None
    for residue in residues:
        if last is None:
            place = 0
        elif residue.seqid == last.seqid and residue.name != last.name:
            pass  # two kinds of residue in one place
        else:
            jump = _number(residue, by_label=by_label) - _number(last, by_label=by_label)
            is_gap = 1 < jump <= MAX_NUMBERING_GAP + 1 and not _are_joined(last, residue)
            place += jump if is_gap else 1
        placed.append((place, residue))
        last = residue
    return placed


def _number(residue: gemmi.Residue, *, by_label: bool) -> int:
    number = residue.label_seq if by_label else residue.seqid.num
    return 0 if number is None else number


def _are_joined(before: gemmi.Residue, after: gemmi.Residue) -> bool:
    ends, starts = ({atom.name: atom.pos for atom in residue} for residue in (before, after))
    for end, start, limit in (("C", "N", MAX_PEPTIDE_BOND), ("CA", "CA", MAX_NEIGHBOUR_CA)):
        if end in ends and start in starts:
            return ends[end].dist(starts[start]) < limit
    return False


def _atoms(placed: Placed, length: int) -> tuple[Float[np.ndarray, "N 37 3"], Float[np.ndarray, "N 37"]]:
    """Of alternative positions the one with the highest occupancy, the first of equals."""
    positions = np.zeros((length, len(rc.atom_types), 3), np.float32)
    mask = np.zeros(positions.shape[:2], np.float32)
    for place, residue in placed:
        occupancy: dict[int, float] = {}
        for atom in residue:
            is_selenium = residue.name == _SELENOMETHIONINE and atom.name == _SELENIUM
            column = rc.atom_order.get("SD" if is_selenium else atom.name)
            position = atom.pos.tolist()
            if column is None or not all(map(math.isfinite, position)):
                continue
            if column not in occupancy or atom.occ > occupancy[column]:
                occupancy[column] = atom.occ
                positions[place, column], mask[place, column] = position, 1.0
    return positions, mask
