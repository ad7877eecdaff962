import math

import numpy as np
import pytest

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common import stereochemistry
from alphafold_lite.common.stereochemistry import Angle, Distance, fixed_distances, virtual_bond


def test_right_angle_gives_the_hypotenuse():
    right = Angle(("A", "C"), "B", math.pi / 2, 0.0)
    assert virtual_bond(Distance(3.0, 0.0), Distance(4.0, 0.0), right) == pytest.approx((5.0, 0.0))


def test_spread_of_a_virtual_bond_is_that_of_drawn_bonds_and_angles():
    rng = np.random.default_rng(0)
    first, second, angle = Distance(1.46, 0.02), Distance(1.52, 0.03), Angle(("A", "C"), "B", math.radians(111), 0.04)
    a, b = rng.normal(*first, 200_000), rng.normal(*second, 200_000)
    drawn = np.sqrt(a**2 + b**2 - 2 * a * b * np.cos(rng.normal(angle.size, angle.stddev, 200_000)))
    assert virtual_bond(first, second, angle).stddev == pytest.approx(drawn.std(), rel=0.01)


def test_bonds_and_angles_name_atoms_of_their_residue_and_are_plausible():
    assert set(stereochemistry.residue_bonds) == set(rc.restype_3to1)
    for residue, bonds in stereochemistry.residue_bonds.items():
        names = set(rc.restype_name_to_atom14_names[residue])
        assert all(pair <= names and len(pair) == 2 for pair in bonds)
        assert all(1.2 < bond.length < 1.9 and 0 < bond.stddev < 0.1 for bond in bonds.values())
        for angle in stereochemistry.residue_angles[residue]:
            assert all(frozenset((end, angle.vertex)) in bonds for end in angle.ends)
            assert math.radians(95) < angle.size < math.radians(140)


def test_every_atom_is_bonded_and_rings_close():
    for residue, bonds in stereochemistry.residue_bonds.items():
        atoms = {name for name in rc.restype_name_to_atom14_names[residue] if name}
        assert set().union(*bonds) == atoms
        rings = {"PRO": 1, "PHE": 1, "TYR": 1, "HIS": 1, "TRP": 2}.get(residue, 0)
        assert len(bonds) == len(atoms) - 1 + rings


def test_every_pair_of_bonds_at_an_atom_has_its_angle():
    for residue, bonds in stereochemistry.residue_bonds.items():
        pairs = {first ^ second for first in bonds for second in bonds if len(first & second) == 1}
        assert set(fixed_distances(residue)) == set(bonds) | pairs


def test_unknown_residue_has_no_distances():
    assert fixed_distances("UNK") == {}
