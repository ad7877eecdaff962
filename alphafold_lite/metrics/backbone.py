"""Torsions of the backbone, where they stand in the Ramachandran plot, and breaks of the chain. Å, radians."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from jaxtyping import Bool, Float, Int

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.protein import Protein

LONGEST_LINK = 2.0  # Å; a C-N distance above it is a break, as in the training data
RAMACHANDRAN_FILE = "ramachandran.csv"
CLASSES = ("general", "glycine", "proline", "preproline")
FAVOURED, ALLOWED = 2, 1  # levels in the file; 0 is an outlier
N, CA, C = (rc.atom_order[name] for name in ("N", "CA", "C"))
GLYCINE, PROLINE = rc.restype_order["G"], rc.restype_order["P"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ramachandran:
    """Residues by region; those without both angles (ends, breaks in the numbering) and unknown ones are not counted."""

    num_favoured: int
    num_allowed: int  # allowed, not favoured
    num_residues: int


def dihedral(points: Float[np.ndarray, "*batch 4 3"]) -> Float[np.ndarray, "*batch"]:
    """Torsion angle about the middle bond, -pi to pi (IUPAC sign)."""
    first, axis, last = np.moveaxis(np.diff(points.astype(np.float64), axis=-2), -2, 0)
    normal, other = np.cross(first, axis), np.cross(axis, last)
    sine = np.linalg.norm(axis, axis=-1) * (first * other).sum(-1)
    return np.asarray(np.arctan2(sine, (normal * other).sum(-1)))


def linked(protein: Protein) -> Bool[np.ndarray, "N_link"]:
    """Whether each residue but the last should be bonded to the next one, by chain and number, with C and N there."""
    number, chain, mask = protein.residue_index, protein.chain_index, protein.atom_mask
    return (np.diff(number) == 1) & (np.diff(chain) == 0) & (mask[:-1, C] > 0) & (mask[1:, N] > 0)


def chain_breaks(protein: Protein) -> tuple[int, int]:
    """Links whose C-N distance exceeds `LONGEST_LINK`, and all links between residues of successive numbers."""
    links = linked(protein)
    distance = np.linalg.norm(protein.atom_positions[1:, N] - protein.atom_positions[:-1, C], axis=-1)
    return int((links & (distance > LONGEST_LINK)).sum()), int(links.sum())


def phi_psi(protein: Protein) -> tuple[Float[np.ndarray, "N_res 2"], Bool[np.ndarray, "N_res"]]:
    """phi and psi of each residue, and whether both can be measured; 0 where not."""
    place, links = protein.atom_positions, linked(protein)
    angles = np.zeros((len(place), 2))
    known = np.asarray(protein.atom_mask[:, [N, CA, C]].all(-1))
    known[0] = known[-1] = False
    known[1:-1] &= links[:-1] & links[1:]
    inner = np.flatnonzero(known)
    phi = np.stack((place[inner - 1, C], place[inner, N], place[inner, CA], place[inner, C]), axis=1)
    psi = np.stack((place[inner, N], place[inner, CA], place[inner, C], place[inner + 1, N]), axis=1)
    angles[inner] = np.stack((dihedral(phi), dihedral(psi)), axis=-1)
    return angles, known


def ramachandran_class(aatype: Int[np.ndarray, "N_res"]) -> Int[np.ndarray, "N_res"]:
    """Place in `CLASSES`: glycine, proline, any other residue before a proline, the rest."""
    before_proline = np.append(aatype[1:] == PROLINE, False)
    return np.select([aatype == GLYCINE, aatype == PROLINE, before_proline], [1, 2, 3], 0)


def ramachandran(protein: Protein) -> Ramachandran:
    """Count residues by region.

    Regions are those of Lovell et al. (Proteins 50, 2003, p. 437): favoured is the contour of the smoothed density of (phi, psi) that encloses 98 % of the
    residues of experimental structures, allowed the one that encloses 99.95 % (glycine, proline, before proline: 99.8 %). The density here is that of the
    training part of the PDB subset (`scripts/build_ramachandran.py`), so the numbers differ a little from MolProbity's.
    """
    angles, known = phi_psi(protein)
    known &= protein.aatype < rc.unk_restype_index
    levels = ramachandran_levels()
    cells = levels.shape[-1]
    cell = np.floor((np.degrees(angles) + 180) * cells / 360).astype(np.int64) % cells
    level = levels[ramachandran_class(protein.aatype), cell[:, 0], cell[:, 1]][known]
    return Ramachandran(
        num_favoured=int((level == FAVOURED).sum()),
        num_allowed=int((level == ALLOWED).sum()),
        num_residues=int(known.sum()),
    )


@cache
def ramachandran_levels() -> Int[np.ndarray, "4 cells cells"]:
    """Level of each cell of (phi, psi), both from -180 degrees in equal steps, by class."""
    text = resources.files(__package__ or "alphafold_lite.metrics").joinpath(RAMACHANDRAN_FILE).read_text("ascii")
    rows = {name: [] for name in CLASSES}
    for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        rows[row["class"]].append([int(level) for level in row["levels"]])
    return np.array([rows[name] for name in CLASSES])
