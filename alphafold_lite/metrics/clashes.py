"""Atoms of different residues that are too near each other."""

import numpy as np
import torch

from alphafold_lite.common.protein import Protein
from alphafold_lite.geometry import atoms, tables
from alphafold_lite.geometry.clashes import find_clashes

OVERLAP_TOLERANCE = 1.5  # Å; van der Waals spheres may overlap by so much (supplement 1.9.11)


def count_clashes(protein: Protein) -> int:
    """Pairs of heavy atoms of different residues nearer than the sum of their radii less `OVERLAP_TOLERANCE`; bonds are left out."""
    aatype = torch.as_tensor(protein.aatype, dtype=torch.int64)
    mask = torch.as_tensor(protein.atom_mask, dtype=torch.float64)
    everywhere = torch.ones_like(mask[:, 0])
    exists = atoms.take_atoms(mask, tables.lookup("restype_atom14_to_atom37", aatype, torch.int64))
    apart = int(np.ptp(protein.residue_index)) + 2  # chains are not bonded
    found = find_clashes(
        aatype,
        torch.as_tensor(protein.residue_index + apart * protein.chain_index, dtype=torch.int64),
        atoms.atom37_to_atom14(torch.as_tensor(protein.atom_positions, dtype=torch.float64), aatype, everywhere),
        exists * tables.atom14_exists(aatype, everywhere) > 0,
        OVERLAP_TOLERANCE,
    )
    return round(float(found.clashes.sum()) / 2)
