"""Side chains: chi1 against a known structure. Å, degrees."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.protein import Protein
from alphafold_lite.metrics.backbone import dihedral

CHI1_TOLERANCE = 40.0  # degrees
BURIED_NEIGHBOURS, NEIGHBOUR_RADIUS = 16, 10.0  # other CB atoms within so many Å
CB = rc.atom_order["CB"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chi1Accuracy:
    """Residues with a known chi1, and those whose predicted chi1 is within `CHI1_TOLERANCE`; all of them, and the buried ones."""

    num_correct: int
    num_residues: int
    num_buried_correct: int
    num_buried: int


def chi1(protein: Protein) -> tuple[Float[np.ndarray, "N_res"], Bool[np.ndarray, "N_res"]]:
    """chi1 in radians and whether its four atoms are there; 0 where not."""
    rows = np.arange(len(protein.aatype))[:, None]
    atoms = rc.chi_atom_indices[protein.aatype, 0]
    exists = (rc.chi_angles_mask[protein.aatype, 0] > 0) & (protein.atom_mask[rows, atoms] > 0).all(-1)
    return np.where(exists, dihedral(protein.atom_positions[rows, atoms]), 0.0), exists


def num_beta_neighbours(protein: Protein) -> Int[np.ndarray, "N_res"]:
    """Other CB atoms within `NEIGHBOUR_RADIUS` of each CB; -1 for residues without one."""
    exists = protein.atom_mask[:, CB] > 0
    place = protein.atom_positions[:, CB].astype(np.float64)
    distance = np.linalg.norm(place[:, None] - place[None], axis=-1)
    counts = ((distance <= NEIGHBOUR_RADIUS) & exists[None]).sum(-1) - 1
    return np.where(exists, counts, -1)


def chi1_accuracy(predicted: Protein, true: Protein) -> Chi1Accuracy:
    """Compare chi1 residue by residue; burial is judged in the true structure."""
    (ours, ours_known), (theirs, theirs_known) = chi1(predicted), chi1(true)
    known = ours_known & theirs_known
    error = np.abs(np.angle(np.exp(1j * (ours - theirs))))
    correct = known & (np.degrees(error) <= CHI1_TOLERANCE)
    buried = num_beta_neighbours(true) >= BURIED_NEIGHBOURS
    return Chi1Accuracy(
        num_correct=int(correct.sum()),
        num_residues=int(known.sum()),
        num_buried_correct=int((correct & buried).sum()),
        num_buried=int((known & buried).sum()),
    )
