"""Made-up backbones with the spread of real bond lengths and angles, the libraries packed from them, and their PDB text."""

from datetime import date

import numpy as np

from alphafold_lite.common.residue_constants import restype_1to3, restypes
from data_pipeline.library.packing import LibraryContents, quantised

BASINS = np.deg2rad([(-63, -43), (-120, 130), (60, 40), (-70, 145)])  # phi and psi
LENGTHS = {"N": 1.33, "CA": 1.46, "C": 1.525, "O": 1.231}  # Å, to the atom before (O: to C)
ANGLES = {"N": 116.6, "CA": 121.5, "C": 111.1, "O": 120.5}  # degrees, at the atom before


def _place(a, b, c, length, angle, torsion):
    """The point at `length` from c, with this angle b-c-d and dihedral a-b-c-d."""
    forward = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, forward)
    normal /= np.linalg.norm(normal)
    side = np.cross(normal, forward)
    direction = (
        -np.cos(angle) * forward + np.sin(angle) * np.cos(torsion) * side + np.sin(angle) * np.sin(torsion) * normal
    )
    return c + length * direction


def backbone(seed, length, *, cis=(), breaks=(), spread=1.0):
    """N, CA, C, O of a chain: `cis` residues have a cis bond before them, after each of `breaks` the rest lies 9 Å further. Å."""
    rng = np.random.default_rng(seed)
    phi, psi = (BASINS[rng.integers(0, 4, length)] + rng.normal(0, 0.2 * spread, (length, 2))).T
    omega = np.where(np.isin(np.arange(length), cis), 0, np.pi) + rng.normal(0, 0.08 * spread, length)

    def drawn(name):
        angle = np.deg2rad(ANGLES[name] + rng.normal(0, 1.5 * spread))
        return LENGTHS[name] + rng.normal(0, 0.01 * spread), angle

    atoms = np.zeros((length + 1, 4, 3))
    atoms[0, 0], atoms[0, 1] = rng.normal(0, 10, 3), 0
    atoms[0, 1] = atoms[0, 0] + (1.46, 0, 0)
    atoms[0, 2] = atoms[0, 1] + (0.55, 1.42, 0)
    for i in range(length):
        if i:
            atoms[i, 1] = _place(atoms[i - 1, 1], atoms[i - 1, 2], atoms[i, 0], *drawn("CA"), omega[i])
            atoms[i, 2] = _place(atoms[i - 1, 2], atoms[i, 0], atoms[i, 1], *drawn("C"), phi[i])
        atoms[i + 1, 0] = _place(*atoms[i, :3], *drawn("N"), psi[i])
        atoms[i, 3] = _place(*atoms[i, :3], *drawn("O"), psi[i] + np.pi)
    shift = np.zeros((length, 1, 1))
    for place in breaks:
        shift[place + 1 :] += 9.0
    return (atoms[:length] + shift).astype(np.float32)


def sequence(seed, length):
    return "".join(np.random.default_rng(seed).choice(restypes, length))


def contents(lengths=(40, 25, 60), *, name="made_up", profiles=True, dates=True, others=3, breaks=(1,)):
    """A library of made-up chains 1AAA_A, 1AAA_B, ...; those numbered in `breaks` have a chain break."""
    rng = np.random.default_rng(7)
    count = range(len(lengths))
    frequencies = [rng.dirichlet(np.ones(20), length) for length in lengths]
    return LibraryContents(
        name=name,
        chain_names=tuple(f"1AAA_{chr(65 + chain)}" for chain in count),
        chain_sequences=tuple(sequence(chain, length) for chain, length in enumerate(lengths)),
        chain_dates=tuple(date(2001 + chain, 2, 3) if dates and chain != 1 else None for chain in count),
        backbones=tuple(
            backbone(chain, length, breaks=(length // 2,) if chain in breaks else ())
            for chain, length in enumerate(lengths)
        ),
        profiles=tuple(quantised(rows) for rows in frequencies) if profiles else None,
        sequence_names=tuple(f"sp|P{number}|X_HUMAN" for number in range(others)),
        sequences=tuple(sequence(100 + number, 30 + number) for number in range(others)),
    )


def pdb_text(chains, *, entry="1ABC", day="04-MAR-15"):
    """A PDB file of chains given as (letter, sequence, backbone)."""
    lines = [f"HEADER    {'MADE UP':<40}01-JAN-98   {entry}", f"REVDAT   1   {day} {entry}    0"]
    serial = 0
    for letter, residues, atoms in chains:
        for number, (residue, places) in enumerate(zip(residues, atoms, strict=True), start=1):
            for atom, (x, y, z) in zip(("N", "CA", "C", "O"), places, strict=True):
                serial += 1
                lines.append(
                    f"ATOM  {serial:5d}  {atom:<3} {restype_1to3[residue]} {letter}{number:4d}    "
                    f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           {atom[0]}"
                )
        lines.append("TER")
    return "\n".join([*lines, "END", ""])


def superposed(moving, fixed):
    """`moving` laid onto `fixed` by least squares over CA."""
    moving, fixed = moving.astype(np.float64), fixed.astype(np.float64)
    a, b = moving[:, 1] - moving[:, 1].mean(0), fixed[:, 1] - fixed[:, 1].mean(0)
    u, _, v = np.linalg.svd(a.T @ b)
    turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ v))]) @ v
    return (moving - moving[:, 1].mean(0)) @ turn + fixed[:, 1].mean(0)


def errors(moving, fixed):
    """Distance of each atom after superposition, [N_res, 4], Å."""
    return np.linalg.norm(superposed(moving, fixed) - fixed, axis=-1)
