"""Bond lengths, bond angles and atom radii of the amino acids, and the distances between atoms that follow from them. Å, radians.

Sources: bonds and angles within residues are those of Engh & Huber (International Tables for Crystallography F, 2001, chapter 18.3), the numbers of
the peptide bond those of Engh & Huber (Acta Cryst. A47, 1991); radii are Bondi's. The tables lie beside this module as CSV.
"""

import csv
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# The peptide bond, every residue first and proline second: (other, proline).
between_res_bond_length_c_n = (1.329, 1.341)
between_res_bond_length_stddev_c_n = (0.014, 0.016)

# Cosines of the angles beside the peptide bond: (mean, standard deviation).
between_res_cos_angles_c_n_ca = (-0.5203, 0.0353)
between_res_cos_angles_ca_c_n = (-0.4473, 0.0311)

# Distance of neighbouring alpha carbons across a trans peptide bond.
ca_ca = 3.80209737096

# By element, which is the first letter of a heavy atom's name.
van_der_waals_radius = {"C": 1.7, "N": 1.55, "O": 1.52, "S": 1.8}


class Distance(NamedTuple):
    """A distance of two atoms, Å."""

    length: float
    stddev: float


class Angle(NamedTuple):
    """The angle at the vertex between two bonds, radians."""

    ends: tuple[str, str]
    vertex: str
    size: float
    stddev: float


def read_table(name: str) -> Iterator[dict[str, str]]:
    """Rows of a CSV file beside this module; lines that start with # are comments."""
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(line for line in lines if not line.startswith("#"))


def _read_bonds() -> dict[str, dict[frozenset[str], Distance]]:
    bonds: dict[str, dict[frozenset[str], Distance]] = defaultdict(dict)
    for row in read_table("bonds.csv"):
        bonds[row["residue"]][frozenset((row["atom_1"], row["atom_2"]))] = Distance(
            float(row["length"]), float(row["stddev"])
        )
    return dict(bonds)


def _read_angles() -> dict[str, tuple[Angle, ...]]:
    angles: dict[str, list[Angle]] = defaultdict(list)
    for row in read_table("angles.csv"):
        size, stddev = math.radians(float(row["degrees"])), math.radians(float(row["stddev"]))
        angles[row["residue"]].append(Angle((row["atom_1"], row["atom_3"]), row["atom_2"], size, stddev))
    return {residue: tuple(found) for residue, found in angles.items()}


# By three-letter residue name.
residue_bonds = _read_bonds()
residue_angles = _read_angles()


def virtual_bond(first: Distance, second: Distance, angle: Angle) -> Distance:
    """Distance of the ends of two bonds that enclose an angle: law of cosines, with first-order propagation of errors."""
    a, b, cosine = first.length, second.length, math.cos(angle.size)
    length = math.sqrt(a * a + b * b - 2 * a * b * cosine)
    by_angle = a * b * math.sin(angle.size) / length
    by_first = (a - b * cosine) / length
    by_second = (b - a * cosine) / length
    stddev = math.hypot(by_angle * angle.stddev, by_first * first.stddev, by_second * second.stddev)
    return Distance(length, stddev)


def fixed_distances(residue: str) -> dict[frozenset[str], Distance]:
    """All pairs of atoms of a residue (three-letter name) that its bonds and bond angles hold at a distance."""
    bonds = residue_bonds.get(residue, {})
    distances = dict(bonds)
    for angle in residue_angles.get(residue, ()):
        first, second = (bonds[frozenset((end, angle.vertex))] for end in angle.ends)
        distances[frozenset(angle.ends)] = virtual_bond(first, second, angle)
    return distances
