"""Which residues a force field can treat: unbroken pieces of chain made of known residues of which enough is there. NumPy only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from alphafold_lite.common import residue_constants
from alphafold_lite.common.protein import Protein

_ORIENTED = 3  # atoms that fix how the missing ones of a residue lie
_OXT = residue_constants.atom_order["OXT"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pieces:
    """Row numbers of a protein, sorted into what is simulated and what is kept aside.

    A piece ends where the chain ends, where the residue numbers jump and where a residue was taken out. For the force field
    every piece is a chain with charged ends; atoms that belong only to such an artificial end are not part of the result.
    """

    rows: tuple[Int[np.ndarray, "_"], ...]  # at least two residues each: Amber knows no free amino acid
    unknown: tuple[int, ...]  # X
    incomplete: tuple[int, ...]  # fewer than three atoms
    lone: tuple[int, ...]  # without a neighbour to be bonded to
    chain_starts: frozenset[int]
    chain_ends: frozenset[int]

    @property
    def kept_aside(self) -> int:
        return len(self.unknown) + len(self.incomplete) + len(self.lone)

    @property
    def simulated(self) -> Int[np.ndarray, "N_simulated"]:
        return np.concatenate(self.rows) if self.rows else np.zeros(0, np.int64)


def find_pieces(protein: Protein) -> Pieces:
    """Sort the residues of a protein."""
    unknown = protein.aatype >= residue_constants.unk_restype_index
    incomplete = ~unknown & (_present(protein).sum(axis=1) < _ORIENTED)
    chain_break = np.diff(protein.chain_index) != 0
    runs = _runs(~unknown & ~incomplete, chain_break | (np.diff(protein.residue_index) != 1))
    count = len(protein.aatype)
    ends = np.flatnonzero(np.append(chain_break, True)) if count else np.zeros(0, np.int64)
    return Pieces(
        rows=tuple(run for run in runs if len(run) > 1),
        unknown=tuple(int(row) for row in np.flatnonzero(unknown)),
        incomplete=tuple(int(row) for row in np.flatnonzero(incomplete)),
        lone=tuple(int(run[0]) for run in runs if len(run) == 1),
        chain_starts=frozenset({0} | {int(row) + 1 for row in ends[:-1]}) if count else frozenset(),
        chain_ends=frozenset(int(row) for row in ends),
    )


def _present(protein: Protein) -> Bool[np.ndarray, "N_res 37"]:
    """Atoms that are there and belong to the residue's type (OXT belongs to none)."""
    return (protein.atom_mask > 0.5) & (residue_constants.restype_atom37_mask[protein.aatype] > 0.5)


def _runs(usable: Bool[np.ndarray, "N_res"], break_after: Bool[np.ndarray, "N_breaks"]) -> Sequence[np.ndarray]:
    rows = np.flatnonzero(usable)
    if not rows.size:
        return []
    apart = [rows[i + 1] != rows[i] + 1 or bool(break_after[rows[i]]) for i in range(len(rows) - 1)]
    return np.split(rows, np.flatnonzero(apart) + 1)


def describe(pieces: Pieces) -> str:
    """Which residues were put back unchanged, as a clause for a message; empty where there are none."""
    clauses = [
        f"{len(rows)} {what}"
        for rows, what in (
            (pieces.unknown, "unknown (X)"),
            (pieces.incomplete, "with fewer than three atoms"),
            (pieces.lone, "without a neighbour"),
        )
        if rows
    ]
    return f"residues left as they were: {', '.join(clauses)}" if clauses else ""


def heavy_atoms(protein: Protein, row: int, *, end_of_piece: bool) -> list[str]:
    """Names of the atoms of a residue that are there and belong to its type; OXT only at the end of a piece."""
    present = _present(protein)[row]
    present[_OXT] = end_of_piece and protein.atom_mask[row, _OXT] > 0.5
    return [residue_constants.atom_types[column] for column in np.flatnonzero(present)]
