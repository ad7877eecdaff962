"""Residue and atom tables: letters, atom names, rigid groups, torsions (AlphaFold 2 supplement, Tables 1-3 and 1.8).

Tables indexed by residue type have 21 rows, in the order of `restypes`, row 20 being the unknown residue, which has no atoms. Positions and frames are
float64, masks float32, indices int64; Å. Atom14 is the compact layout (the atoms of each residue, in PDB order), atom37 the one with a column per atom name.
"""

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.common.stereochemistry import (
    between_res_bond_length_c_n,
    between_res_bond_length_stddev_c_n,
    between_res_cos_angles_c_n_ca,
    between_res_cos_angles_ca_c_n,
    ca_ca,
    fixed_distances,
    read_table,
    van_der_waals_radius,
)

__all__ = [
    "atom14_bounds",
    "atom_order",
    "atom_types",
    "between_res_bond_length_c_n",
    "between_res_bond_length_stddev_c_n",
    "between_res_cos_angles_c_n_ca",
    "between_res_cos_angles_ca_c_n",
    "ca_ca",
    "chi_angles_atoms",
    "chi_angles_mask",
    "chi_atom_indices",
    "chi_pi_periodic",
    "hhblits_aa_to_id",
    "id_to_hhblits_aa",
    "map_hhblits_aatype_to_our_aatype",
    "renaming_matrices",
    "residue_atom_renaming_swaps",
    "restype_1to3",
    "restype_3to1",
    "restype_atom14_mask",
    "restype_atom14_rigid_group_positions",
    "restype_atom14_to_atom37",
    "restype_atom14_to_rigid_group",
    "restype_atom37_mask",
    "restype_atom37_rigid_group_positions",
    "restype_atom37_to_atom14",
    "restype_atom37_to_rigid_group",
    "restype_name_to_atom14_names",
    "restype_order",
    "restype_rigid_group_default_frame",
    "restypes",
    "restypes_with_x",
    "unk_restype_index",
    "van_der_waals_radius",
]

restype_1to3 = {
    "A": "ALA", "R": "ARG", "N": "ASN", "D": "ASP", "C": "CYS", "Q": "GLN", "E": "GLU", "G": "GLY", "H": "HIS", "I": "ILE",
    "L": "LEU", "K": "LYS", "M": "MET", "F": "PHE", "P": "PRO", "S": "SER", "T": "THR", "W": "TRP", "Y": "TYR", "V": "VAL",
}  # fmt: skip
restype_3to1 = {three: one for one, three in restype_1to3.items()}
restypes = tuple(restype_1to3)
restypes_with_x = (*restypes, "X")
restype_order = {letter: number for number, letter in enumerate(restypes)}
unk_restype_index = len(restypes)

atom_types = (
    "N", "CA", "C", "CB", "O", "CG", "CG1", "CG2", "OG", "OG1", "SG", "CD", "CD1", "CD2", "ND1", "ND2", "OD1", "OD2", "SD", "CE",
    "CE1", "CE2", "CE3", "NE", "NE1", "NE2", "OE1", "OE2", "CH2", "NH1", "NH2", "OH", "CZ", "CZ2", "CZ3", "NZ", "OXT",
)  # fmt: skip
atom_order = {name: number for number, name in enumerate(atom_types)}

# The letters of HHblits profiles: alphabetical, then X and the gap. B, J, O, U and Z stand for what they most resemble or for X.
hhblits_aa_to_id = {
    "A": 0, "B": 2, "C": 1, "D": 2, "E": 3, "F": 4, "G": 5, "H": 6, "I": 7, "J": 20, "K": 8, "L": 9, "M": 10, "N": 11,
    "O": 20, "P": 12, "Q": 13, "R": 14, "S": 15, "T": 16, "U": 1, "V": 17, "W": 18, "X": 20, "Y": 19, "Z": 3, "-": 21,
}  # fmt: skip
id_to_hhblits_aa = dict(enumerate("ACDEFGHIKLMNPQRSTVWYX-"))
map_hhblits_aatype_to_our_aatype: Int[np.ndarray, "22"] = np.array(
    [(*restypes_with_x, "-").index(letter) for letter in id_to_hhblits_aa.values()]
)

# Atoms whose dihedral is chi1-chi4 (supplement, Table 2 names the groups that they turn).
chi_angles_atoms: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "ALA": (),
    "ARG": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD"), ("CB", "CG", "CD", "NE"), ("CG", "CD", "NE", "CZ")),
    "ASN": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "OD1")),
    "ASP": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "OD1")),
    "CYS": (("N", "CA", "CB", "SG"),),
    "GLN": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD"), ("CB", "CG", "CD", "OE1")),
    "GLU": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD"), ("CB", "CG", "CD", "OE1")),
    "GLY": (),
    "HIS": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "ND1")),
    "ILE": (("N", "CA", "CB", "CG1"), ("CA", "CB", "CG1", "CD1")),
    "LEU": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD1")),
    "LYS": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD"), ("CB", "CG", "CD", "CE"), ("CG", "CD", "CE", "NZ")),
    "MET": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "SD"), ("CB", "CG", "SD", "CE")),
    "PHE": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD1")),
    "PRO": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD")),
    "SER": (("N", "CA", "CB", "OG"),),
    "THR": (("N", "CA", "CB", "OG1"),),
    "TRP": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD1")),
    "TYR": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD1")),
    "VAL": (("N", "CA", "CB", "CG1"),),
}

# Pairs of atoms that may be named either way round (supplement, Table 3), and the chi that turns them: it has period pi.
residue_atom_renaming_swaps = {
    "ASP": {"OD1": "OD2"},
    "GLU": {"OE1": "OE2"},
    "PHE": {"CD1": "CD2", "CE1": "CE2"},
    "TYR": {"CD1": "CD2", "CE1": "CE2"},
}
_pi_periodic_chi = {"ASP": 1, "GLU": 2, "PHE": 1, "TYR": 1}


def _read_positions() -> dict[str, dict[str, tuple[int, Float[np.ndarray, "3"]]]]:
    """By residue and atom name, in PDB order: rigid group and position in its frame."""
    atoms: dict[str, dict[str, tuple[int, np.ndarray]]] = {residue: {} for residue in (*restype_1to3.values(), "UNK")}
    for row in read_table("rigid_group_positions.csv"):
        position = np.array([float(row[axis]) for axis in "xyz"])
        atoms[row["residue"]][row["atom"]] = int(row["group"]), position
    return atoms


_atoms = _read_positions()
restype_name_to_atom14_names = {residue: (*found, *[""] * (14 - len(found))) for residue, found in _atoms.items()}


def _unit(vector: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    return vector / np.linalg.norm(vector)


def _frame(
    x_axis: Float[np.ndarray, "3"], in_plane: Float[np.ndarray, "3"], origin: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "4 4"]:
    """Frame with its x axis along the first vector and the second in its upper xy half-plane (Gram-Schmidt, as in Alg. 21)."""
    frame = np.eye(4)
    x = _unit(x_axis)
    y = _unit(in_plane - x * (in_plane @ x))
    frame[:3] = np.stack([x, y, np.cross(x, y), origin], axis=-1)
    return frame


def _default_frames(residue: str) -> Float[np.ndarray, "8 4 4"]:
    """Rigid groups at zero torsion, each in the frame of the group that it hangs on (supplement 1.8.4, Alg. 24).

    Groups: backbone, pre-omega, phi, psi, chi1-chi4. Torsions turn about x, the axis along the last bond of the torsion.
    """
    frames = np.zeros((8, 4, 4))
    position = {name: place for name, (_, place) in _atoms[residue].items()}
    if not position:
        return frames
    frames[:2] = np.eye(4)
    frames[2] = _frame(position["N"] - position["CA"], np.array([1.0, 0, 0]), position["N"])
    frames[3] = _frame(position["C"] - position["CA"], position["CA"] - position["N"], position["C"])
    for number, (first, second, third, _) in enumerate(chi_angles_atoms[residue]):
        if number == 0:
            axis, in_plane = position[third] - position[second], position[first] - position[second]
        else:  # the third atom is placed in the group before, whose x axis ends at the second
            axis, in_plane = position[third], np.array([-1.0, 0, 0])
        frames[4 + number] = _frame(axis, in_plane, position[third])
    return frames


def _renaming_matrix(residue: str) -> Float[np.ndarray, "14 14"]:
    """Permutation of the atom14 columns to the alternative atom names (supplement, Alg. 26)."""
    order = np.arange(14)
    names = restype_name_to_atom14_names[residue]
    for one, other in residue_atom_renaming_swaps.get(residue, {}).items():
        first, second = names.index(one), names.index(other)
        order[[first, second]] = second, first
    return np.eye(14, dtype=np.float32)[order]


def atom14_bounds(
    tolerance_factor: float = 12.0, overlap: float = 1.5
) -> tuple[Float[np.ndarray, "21 14 14"], Float[np.ndarray, "21 14 14"], Float[np.ndarray, "21 14 14"]]:
    """Lower and upper limits (Å) of the distances within a residue, and standard deviations (supplement 1.9.11).

    Atoms held by bonds or bond angles may stray `tolerance_factor` standard deviations from the ideal distance; others may come as near as the sum of their
    van der Waals radii less `overlap` Å and have the upper limit 1e10 and the standard deviation 0. All three are 0 for absent atoms and on the diagonal.
    """
    lower, upper, stddev = np.zeros((3, 21, 14, 14))
    for number, (residue, names) in enumerate(restype_name_to_atom14_names.items()):
        held = fixed_distances(residue)
        present = [name for name in names if name]
        for row, name in enumerate(present):
            for column, other in enumerate(present[:row]):
                ideal = held.get(frozenset((name, other)))
                if ideal is None:
                    near, far, spread = (
                        van_der_waals_radius[name[0]] + van_der_waals_radius[other[0]] - overlap,
                        1e10,
                        0.0,
                    )
                else:
                    spread = ideal.stddev
                    near, far = ideal.length - tolerance_factor * spread, ideal.length + tolerance_factor * spread
                for place in ((number, row, column), (number, column, row)):
                    lower[place], upper[place], stddev[place] = near, far, spread
    return lower, upper, stddev


restype_atom14_to_atom37: Int[np.ndarray, "21 14"] = np.zeros((21, 14), np.int64)
restype_atom37_to_atom14: Int[np.ndarray, "21 37"] = np.zeros((21, 37), np.int64)
restype_atom14_mask: Float[np.ndarray, "21 14"] = np.zeros((21, 14), np.float32)
restype_atom37_mask: Float[np.ndarray, "21 37"] = np.zeros((21, 37), np.float32)
restype_atom14_to_rigid_group: Int[np.ndarray, "21 14"] = np.zeros((21, 14), np.int64)
restype_atom37_to_rigid_group: Int[np.ndarray, "21 37"] = np.zeros((21, 37), np.int64)
restype_atom14_rigid_group_positions: Float[np.ndarray, "21 14 3"] = np.zeros((21, 14, 3))
restype_atom37_rigid_group_positions: Float[np.ndarray, "21 37 3"] = np.zeros((21, 37, 3))
chi_angles_mask: Float[np.ndarray, "21 4"] = np.zeros((21, 4), np.float32)
chi_pi_periodic: Float[np.ndarray, "21 4"] = np.zeros((21, 4), np.float32)
chi_atom_indices: Int[np.ndarray, "21 4 4"] = np.zeros((21, 4, 4), np.int64)
restype_rigid_group_default_frame: Float[np.ndarray, "21 8 4 4"] = np.stack([_default_frames(name) for name in _atoms])
renaming_matrices: Float[np.ndarray, "21 14 14"] = np.stack([_renaming_matrix(name) for name in _atoms])


def _fill_atom_tables() -> None:
    for number, atoms in enumerate(_atoms.values()):
        for column14, (name, (group, position)) in enumerate(atoms.items()):
            column37 = atom_order[name]
            restype_atom14_to_atom37[number, column14] = column37
            restype_atom37_to_atom14[number, column37] = column14
            restype_atom14_mask[number, column14] = restype_atom37_mask[number, column37] = 1
            restype_atom14_to_rigid_group[number, column14] = restype_atom37_to_rigid_group[number, column37] = group
            restype_atom14_rigid_group_positions[number, column14] = position
            restype_atom37_rigid_group_positions[number, column37] = position


def _fill_torsion_tables() -> None:
    for number, residue in enumerate(restype_3to1):
        for chi, atoms in enumerate(chi_angles_atoms[residue]):
            chi_angles_mask[number, chi] = 1
            chi_atom_indices[number, chi] = [atom_order[name] for name in atoms]
        if residue in _pi_periodic_chi:
            chi_pi_periodic[number, _pi_periodic_chi[residue]] = 1


_fill_atom_tables()
_fill_torsion_tables()
