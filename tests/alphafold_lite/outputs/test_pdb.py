import io
import warnings
from dataclasses import fields, replace

import numpy as np
import pytest
from Bio.PDB.PDBParser import PDBParser
from openmm.app import PDBFile

from alphafold_lite.common import residue_constants
from alphafold_lite.common.errors import InputError
from alphafold_lite.common.protein import Protein
from alphafold_lite.outputs.pdb import CHAIN_IDS, from_pdb, to_pdb
from alphafold_lite.relax.result import Hydrogens


def _protein(num_residues=25, *, seed=0, scale=20.0):
    """Atoms of every residue type at random places."""
    rng = np.random.default_rng(seed)
    aatype = np.arange(num_residues) % 20
    mask = residue_constants.restype_atom37_mask[aatype].astype(np.float32)
    positions = rng.normal(0, scale, (num_residues, 37, 3)).astype(np.float32)
    return Protein(
        atom_positions=positions * mask[..., None],
        atom_mask=mask,
        aatype=aatype,
        residue_index=np.arange(1, num_residues + 1),
        chain_index=np.zeros(num_residues, np.int64),
        b_factors=rng.uniform(0, 100, num_residues)[:, None].astype(np.float32) * mask,
    )


def _atom(serial, name, residue, number, x, **more):
    """A line of a foreign file: columns as in the format description, written independently of `to_pdb`."""
    line = f"{more.get('record', 'ATOM'):<6}{serial:>5}  {name:<3}{more.get('altloc', ' ')}{residue:>3} "
    line += f"{more.get('chain', 'A')}{number:>4}{more.get('insertion', ' ')}   "
    return line + f"{x:8.3f}{0:8.3f}{0:8.3f}{more.get('occupancy', 1.0):6.2f}{10:6.2f}          {name[0]:>2}  \n"


def test_reading_back_is_exact_to_the_last_digit():
    protein = _protein()
    read = from_pdb(to_pdb(protein))
    np.testing.assert_allclose(read.atom_positions, protein.atom_positions, atol=0.00051, rtol=0)
    np.testing.assert_allclose(read.b_factors, protein.b_factors, atol=0.0051, rtol=0)
    for name in ("atom_mask", "aatype", "residue_index", "chain_index"):
        np.testing.assert_array_equal(getattr(read, name), getattr(protein, name))
    assert to_pdb(read) == to_pdb(protein)


def test_every_line_has_80_columns_in_the_right_places():
    protein = _protein(2)
    lines = to_pdb(protein).splitlines()
    assert {len(line) for line in lines} == {80}
    assert lines[0].split() == ["MODEL", "1"]
    assert [line.strip() for line in lines[-2:]] == ["ENDMDL", "END"]
    first = lines[1]
    x, y, z = (float(value) for value in protein.atom_positions[0, 0])
    assert first[:6] == "ATOM  " and first[6:11] == "    1" and first[12:16] == " N  " and first[17:20] == "ALA"
    assert first[21] == "A" and first[22:26] == "   1" and first[26:30] == "    "
    assert [float(first[i : i + 8]) for i in (30, 38, 46)] == [round(value, 3) for value in (x, y, z)]
    assert first[54:60] == "  1.00" and float(first[60:66]) == round(float(protein.b_factors[0, 0]), 2)
    assert first[76:80] == " N  "
    ter = lines[-3]
    assert ter[:6] == "TER   " and ter[6:11] == f"{len(lines) - 3:>5}" and ter[17:26] == "ARG A   2"
    assert [int(line[6:11]) for line in lines[1:-2]] == list(range(1, len(lines) - 2))


def test_other_programs_read_it_without_complaint():
    protein = _protein(30)
    protein = replace(protein, chain_index=np.repeat([0, 1, 2], 10))
    text = to_pdb(protein, remarks=["a remark"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        structure = PDBParser(PERMISSIVE=False).get_structure("x", io.StringIO(text))
    assert [chain.id for chain in structure[0]] == ["A", "B", "C"]
    assert len(list(structure.get_atoms())) == protein.atom_mask.sum()
    openmm = PDBFile(io.StringIO(text)).topology
    assert (openmm.getNumChains(), openmm.getNumResidues(), openmm.getNumAtoms()) == (3, 30, protein.atom_mask.sum())
    assert all(atom.element.symbol == atom.name[0] for atom in openmm.atoms())


def test_chain_ids_run_through_letters_and_digits():
    count = len(CHAIN_IDS)
    protein = replace(_protein(count), chain_index=np.arange(count), residue_index=np.full(count, 7))
    text = to_pdb(protein)
    chains = [line[21] for line in text.splitlines() if line.startswith("TER")]
    assert "".join(chains) == "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    np.testing.assert_array_equal(from_pdb(text).chain_index, np.arange(count))
    with pytest.raises(InputError, match="chain number 62"):
        to_pdb(replace(protein, chain_index=np.arange(1, count + 1)))


@pytest.mark.parametrize("number", [10000, -1000])
def test_residue_numbers_must_fit(number):
    protein = _protein(3)
    to_pdb(replace(protein, residue_index=np.array([-999, 0, 9999])))
    with pytest.raises(InputError, match=f"residue number {number}"):
        to_pdb(replace(protein, residue_index=np.array([1, 2, number])))


def test_residue_numbers_must_be_distinct():
    with pytest.raises(InputError, match="number 4 twice in chain A"):
        to_pdb(replace(_protein(3), residue_index=np.array([3, 4, 4])))


@pytest.mark.parametrize("value", [10000.0, -1000.0, 9999.9996, np.nan, np.inf])
def test_coordinates_must_fit(value):
    protein = _protein(3)
    protein.atom_positions[1, 1, 2] = value
    with pytest.raises(InputError, match="atom CA of ARG A   2"):
        to_pdb(protein)


def test_coordinates_at_the_edge_and_minus_zero():
    protein = _protein(1)
    protein.atom_positions[0, 0] = [9999.999, -999.999, -0.0001]
    line = to_pdb(protein).splitlines()[1]
    assert line[30:54] == "9999.999-999.999   0.000"


@pytest.mark.parametrize("value", [1000.0, np.nan])
def test_b_factors_must_fit(value):
    protein = _protein(1)
    protein.b_factors[0, 0] = value
    with pytest.raises(InputError, match="fit 6 columns"):
        to_pdb(protein)


def test_too_many_atoms():
    protein = _protein(9999)
    every = np.full_like(protein.atom_mask, 1.0)  # 37 atoms each
    with pytest.raises(InputError, match="at most 99999"):
        to_pdb(replace(protein, atom_mask=every))


def test_absent_atoms_are_not_written_whatever_they_hold():
    protein = _protein(3)
    mask = protein.atom_mask.copy()
    mask[1] = 0
    protein.atom_positions[1] = np.nan
    read = from_pdb(to_pdb(replace(protein, atom_mask=mask)))
    np.testing.assert_array_equal(read.residue_index, [1, 3])


def test_remarks_are_wrapped_and_cannot_make_records():
    text = to_pdb(_protein(1), remarks=["UNTRAINED: " + "word " * 30, "line\nATOM      1  N   — é", ""])
    lines = [line for line in text.splitlines() if line.startswith("REMARK")]
    assert all(line.startswith("REMARK 220 ") and len(line) == 80 and line.isascii() for line in lines)
    assert "UNTRAINED" in lines[0] and lines[-1].split() == ["REMARK", "220", "line", "ATOM", "1", "N", "?", "?"]
    assert len(from_pdb(text).aatype) == 1


def test_hydrogens_follow_their_residue():
    protein = _protein(2)
    hydrogens = Hydrogens(
        residue=np.array([0, 1, 1]), names=("H2", "HA", "HD11"), positions=np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9.0]])
    )
    lines = to_pdb(protein, hydrogens=hydrogens).splitlines()
    found = [line for line in lines if line[77:78] == "H"]
    assert [line[12:16] for line in found] == [" H2 ", " HA ", "HD11"]
    assert [line[22:26] for line in found] == ["   1", "   2", "   2"]
    assert {line[60:66] for line in found[1:]} == {f"{protein.b_factors[1, 1]:6.2f}"}
    numbers = [int(line[22:26]) for line in lines if line.startswith("ATOM")]
    assert numbers == sorted(numbers)
    read = from_pdb("\n".join(lines))
    np.testing.assert_array_equal(read.atom_mask, protein.atom_mask)


def test_unknown_residues_keep_their_backbone():
    protein = _protein(2)
    aatype, mask = np.array([20, 0]), np.zeros_like(protein.atom_mask)
    mask[:, :5] = 1
    read = from_pdb(to_pdb(replace(protein, aatype=aatype, atom_mask=mask)))
    np.testing.assert_array_equal(read.aatype, aatype)
    np.testing.assert_array_equal(read.atom_mask, mask)


def test_alternative_locations_water_ligands_and_selenomethionine():
    text = (
        _atom(1, "N", "ALA", 1, 1.0)
        + _atom(2, "CA", "ALA", 1, 2.0, altloc="A", occupancy=0.3)
        + _atom(3, "CA", "ALA", 1, 3.0, altloc="B", occupancy=0.7)
        + _atom(4, "N", "MSE", 2, 4.0, record="HETATM")
        + _atom(5, "CA", "MSE", 2, 5.0, record="HETATM")
        + _atom(6, "C", "MSE", 2, 6.0, record="HETATM")
        + _atom(7, "SE", "MSE", 2, 7.0, record="HETATM")
        + "".join(
            _atom(8 + i, name, "SEP", 3, 8.0 + i, record="HETATM") for i, name in enumerate(("N", "CA", "C", "OG"))
        )
        + _atom(12, "O", "HOH", 4, 12.0, record="HETATM")
        + _atom(13, "C1", "GOL", 5, 13.0, record="HETATM")
        + _atom(14, "N", "GLY", 1, 14.0, chain="B")
    )
    protein = from_pdb(text)
    assert [residue_constants.restypes_with_x[number] for number in protein.aatype] == ["A", "M", "X", "G"]
    order = residue_constants.atom_order
    assert protein.atom_positions[0, order["CA"], 0] == 3.0
    assert protein.atom_positions[1, order["SD"], 0] == 7.0
    assert protein.atom_mask[2].sum() == 3
    np.testing.assert_array_equal(protein.chain_index, [0, 0, 0, 1])
    np.testing.assert_array_equal(from_pdb(text, chain="B").aatype, [residue_constants.restype_order["G"]])
    with pytest.raises(InputError, match="chain 'C'"):
        from_pdb(text, chain="C")


def test_insertion_codes_shift_the_numbers_after_them():
    numbers = [(51, " "), (52, " "), (52, "A"), (52, "B"), (53, " "), (60, " ")]
    text = "".join(_atom(i + 1, "CA", "GLY", number, i, insertion=code) for i, (number, code) in enumerate(numbers))
    np.testing.assert_array_equal(from_pdb(text).residue_index, [51, 52, 53, 54, 55, 62])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "no structure\n",
        "ATOM  \n",
        "\0\1\2",
        _atom(1, "N", "ALA", 1, 0.0).replace("   0.000", "   x.000"),
        "END\n",
    ],
)
def test_text_that_is_no_structure(text):
    with pytest.raises(InputError, match="PDB file"):
        from_pdb(text)


def test_only_the_first_model_is_read():
    first, second = to_pdb(_protein(2)), to_pdb(_protein(3, seed=1)).replace("MODEL        1", "MODEL        2")
    read = from_pdb(first.replace("END \n", "") + second)
    expected = from_pdb(first)
    for field in fields(Protein):
        np.testing.assert_array_equal(getattr(read, field.name), getattr(expected, field.name))
