"""Structure files: what real ones contain, and hostile ones. Recorded structures are compared in parity/test_template_cases.py."""

import gzip
import time
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.common.residue_constants import atom_order
from data_pipeline.parsers.mmcif import is_structure_file, read_structure, structure_name
from tests.support.structure_texts import (
    STEP,
    Atom,
    Entity,
    Header,
    Residue,
    atoms_at,
    mmcif,
    pdb,
    peptide,
    three,
)

CA, CB, SD, NH1, NH2 = (atom_order[name] for name in ("CA", "CB", "SD", "NH1", "NH2"))
SEQUENCE = "MKTAYIAKQR"


def header(letters: str = SEQUENCE, **changes: object) -> Header:
    return replace(Header(entities={"1": Entity(three(letters))}), **changes)


@pytest.fixture
def read(tmp_path):
    def read(text: str, ending: str = ".cif"):
        path = tmp_path / f"file{ending}"
        path.write_bytes(gzip.compress(text.encode()) if ending.endswith(".gz") else text.encode())
        return read_structure(path)

    return read


def only(structure):
    (chain,) = structure.chains
    return chain


@pytest.mark.parametrize("ending", [".cif", ".cif.gz", ".mmcif", ".CIF"])
def test_mmcif_with_header(read, ending):
    structure = read(mmcif(peptide(SEQUENCE), header()), ending)
    chain = only(structure)
    assert (structure.entry, structure.method, structure.resolution) == ("1abc", "x-ray diffraction", 1.9)
    assert structure.release_date == date(2011, 2, 3)
    assert (chain.id, chain.sequence) == ("A", SEQUENCE)
    assert chain.atom_mask.sum() == 5 * len(SEQUENCE)
    np.testing.assert_allclose(chain.atom_positions[:, CA, 0], STEP * np.arange(len(SEQUENCE)), atol=1e-3)
    assert chain.atom_positions.dtype == chain.atom_mask.dtype == np.float32


@pytest.mark.parametrize("ending", [".pdb", ".ent", ".pdb.gz", ".ent.gz"])
def test_pdb_with_header(read, ending):
    head = [
        "HEADER    HYDROLASE                               17-OCT-11   3U8V              ",
        "EXPDTA    X-RAY DIFFRACTION                                                     ",
        "REVDAT   2   01-FEB-12 3U8V    1       JRNL                                     ",
        "REVDAT   1   09-NOV-11 3U8V    0                                                ",
        "REMARK   2 RESOLUTION.    1.90 ANGSTROMS.                                       ",
    ]
    structure = read(pdb(peptide(SEQUENCE), seqres={"A": three(SEQUENCE)}, head=head), ending)
    assert (structure.entry, structure.method, structure.resolution) == ("3u8v", "x-ray diffraction", 1.9)
    assert structure.release_date == date(2011, 11, 9)
    assert only(structure).sequence == SEQUENCE and only(structure).atom_mask.sum() == 5 * len(SEQUENCE)


def test_old_years_and_missing_headers(read):
    old = read(pdb(peptide(SEQUENCE), head=["REVDAT   1   09-NOV-81 1ABC    0"]), ".pdb")
    assert old.release_date == date(1981, 11, 9)
    bare = read(pdb(peptide(SEQUENCE)), ".pdb")
    assert (bare.entry, bare.release_date, bare.resolution, bare.method) == ("file", None, None, "")
    unknown = read(mmcif(peptide(SEQUENCE), header(revisions=("?", "soon"), resolution="?")))
    assert (unknown.release_date, unknown.resolution) == (None, None)


def test_of_alternative_atoms_the_most_occupied_the_first_of_equals(read):
    residues = peptide("AAA")
    for place, occupancies in ((0, (0.4, 0.6)), (1, (0.5, 0.5)), (2, (0.7, 0.3))):
        kept = [atom for atom in residues[place].atoms if atom.name != "CB"]
        both = [Atom("CB", (0, 1.0 + n, place), "AB"[n], occupancies[n]) for n in (0, 1)]
        residues[place] = replace(residues[place], atoms=(*kept, *both))
    for text, ending in ((mmcif(residues, header("AAA")), ".cif"), (pdb(residues), ".pdb")):
        assert only(read(text, ending)).atom_positions[:, CB, 1].tolist() == [2.0, 1.0, 1.0]


def test_selenomethionine_is_methionine_and_other_modified_residues_are_their_parents(read):
    residues = peptide("AMSR")
    residues[1] = replace(residues[1], name="MSE", hetero=True, atoms=atoms_at(1, Atom("SE", (4, 5, 6))))
    residues[2] = replace(residues[2], name="SEP", hetero=True)
    residues[3] = replace(residues[3], name="UNK")
    entities = {"1": Entity(["ALA", "MSE", "SEP", "UNK"])}
    for text, ending in ((mmcif(residues, header(entities=entities)), ".cif"), (pdb(residues), ".pdb")):
        chain = only(read(text, ending))
        assert chain.sequence == "AMSX"
        assert chain.atom_mask[1, SD] == 1 and chain.atom_positions[1, SD].tolist() == [4, 5, 6]


def test_residues_and_atoms_without_coordinates(read):
    residues = peptide(SEQUENCE)
    residues[4] = replace(residues[4], atoms=residues[4].atoms[1:2])
    text = mmcif(residues[2:8], header())
    chain = only(read(text))
    assert chain.sequence == SEQUENCE
    assert chain.atom_mask.sum(1).tolist() == [0, 0, 5, 5, 1, 5, 5, 5, 0, 0]
    with_seqres = only(read(pdb([*residues[1:4], *residues[5:8]], seqres={"A": three(SEQUENCE)}), ".pdb"))
    assert with_seqres.sequence == SEQUENCE
    assert with_seqres.atom_mask[:, CA].tolist() == [0, 1, 1, 1, 0, 1, 1, 1, 0, 0]
    unknown = text.replace("ATOM 1 N N . THR A 1 3 ? 6.400", "ATOM 1 N N . THR A 1 3 ? ?")
    assert unknown != text
    assert only(read(unknown)).atom_mask[2].sum() == 4


def test_insertion_codes_and_negative_numbers(read):
    residues = peptide("ACDEFG", first=-2)
    residues[4] = replace(residues[4], number=1, icode="A")
    residues[5] = replace(residues[5], number=1, icode="B")
    for text, ending in (
        (mmcif(residues, header("ACDEFG")), ".cif"),
        (mmcif(residues, Header()), ".cif"),
        (pdb(residues), ".pdb"),
        (pdb(residues, seqres={"A": three("ACDEFG")}), ".pdb"),
    ):
        chain = only(read(text, ending))
        assert chain.sequence == "ACDEFG"
        np.testing.assert_allclose(chain.atom_positions[:, CA, 0], STEP * np.arange(6), atol=1e-3)


def test_gaps_of_files_without_a_sequence(read):
    residues = peptide(SEQUENCE)
    missing = [*residues[:3], *residues[6:]]
    joined = [replace(r, number=r.number + 30 * (r.number > 3)) for r in residues]
    jump = [replace(r, number=r.number + 5000) if r.number > 6 else r for r in missing]
    for text, ending in ((pdb(missing), ".pdb"), (mmcif(missing, Header()), ".cif")):
        chain = only(read(text, ending))
        assert chain.sequence == SEQUENCE[:3] + "XXX" + SEQUENCE[6:]
        assert chain.atom_mask[:, CA].tolist() == [1, 1, 1, 0, 0, 0, 1, 1, 1, 1]
    assert only(read(pdb(joined), ".pdb")).sequence == SEQUENCE  # another scheme of numbers, no gap
    assert only(read(pdb(jump), ".pdb")).sequence == SEQUENCE[:3] + SEQUENCE[6:]


def test_numbers_that_go_back(read):
    residues = [replace(r, number=20 - r.number) for r in peptide(SEQUENCE)]
    assert only(read(pdb(residues), ".pdb")).sequence == SEQUENCE


def test_of_several_models_the_first(read):
    models = [r for model in (1, 2, 3) for r in peptide(SEQUENCE, y=10.0 * model, model=model)]
    for text, ending in ((mmcif(models, header(method="SOLUTION NMR")), ".cif"), (pdb(models), ".pdb")):
        assert only(read(text, ending)).atom_positions[:, CA, 1].tolist() == [10.0] * len(SEQUENCE)


def test_chains_of_several_letters(read):
    residues = [*peptide("MKT", chain="AAA"), *peptide("MKT", chain="aA2", y=9)]
    assert [chain.id for chain in read(mmcif(residues, header("MKT"))).chains] == ["AAA", "aA2"]


def test_chains_without_a_name(read):
    assert only(read(pdb(peptide(SEQUENCE, chain=" ")), ".pdb")).id == "A"


def test_arginines_are_named_by_distance(read):
    far, near = Atom("NH1", (3, 3, 3)), Atom("NH2", (1, 1, 1))
    residues = [replace(r, atoms=(*r.atoms, Atom("CD", (0, 0, 0)), far, near)) for r in peptide("RK")]
    positions = only(read(mmcif(residues, header("RK")))).atom_positions
    assert positions[0, [NH1, NH2], 0].tolist() == [1, 3]
    assert positions[1, [NH1, NH2], 0].tolist() == [3, 1]  # no arginine


def test_of_two_residues_in_one_place_the_one_of_the_sequence(read):
    residues = peptide("AAA")
    other = Residue("SER", 2, tuple(replace(atom, occupancy=0.8) for atom in atoms_at(1, y=5.0)), seq=2)
    residues[1] = replace(residues[1], atoms=tuple(replace(atom, occupancy=0.2) for atom in residues[1].atoms))
    entities = {"1": Entity(["ALA", "ALA,SER", "ALA"])}
    text = mmcif([*residues[:2], other, residues[2]], header(entities=entities))
    chain = only(read(text))
    assert chain.sequence == "AAA" and chain.atom_positions[1, CA, 1] == 0.0
    chain = only(read(pdb([*residues[:2], other, residues[2]]), ".pdb"))
    assert chain.sequence == "ASA" and chain.atom_positions[1, CA, 1] == 5.0


def test_only_proteins_are_chains(read):
    dna = [
        Residue("DA", n, (Atom("P", (n, 0, 0)), Atom("C1'", (n, 2, 0))), chain="B", seq=n, entity="2")
        for n in (1, 2, 3)
    ]
    entities = {"1": Entity(three("MKT")), "2": Entity(["DA"] * 3, "polydeoxyribonucleotide")}
    water = Residue("HOH", 301, (Atom("O", (9, 9, 9)),), chain="C", hetero=True)
    both = [*peptide("MKT"), *dna]
    assert only(read(mmcif(both, header(entities=entities)))).id == "A"
    assert only(read(pdb([*both, water]), ".pdb")).id == "A"
    assert read(pdb([*dna, water]), ".pdb").chains == ()


def test_a_sequence_that_does_not_fit_is_not_used(read):
    """Places beyond the end of the sequence: the residues themselves are read."""
    residues = [replace(r, seq=r.number + 20) for r in peptide(SEQUENCE)]
    assert only(read(mmcif(residues, header("MKT")))).sequence == SEQUENCE


def test_a_large_file_is_read_in_seconds(read):
    residues = [r for n in range(40) for r in peptide(SEQUENCE * 30, chain=f"C{n}", y=10.0 * n)]
    text = mmcif(residues, header(SEQUENCE * 30))
    start = time.perf_counter()
    structure = read(text)
    assert time.perf_counter() - start < 20
    assert [chain.id for chain in structure.chains] == [f"C{n}" for n in range(40)]
    assert all(chain.atom_mask[:, CA].all() for chain in structure.chains)


GOOD_CIF, GOOD_PDB = mmcif(peptide(SEQUENCE), header()), pdb(peptide(SEQUENCE), seqres={"A": three(SEQUENCE)})


@pytest.mark.parametrize(
    ("text", "ending", "words"),
    [
        ("", ".cif", "_atom_site"),
        ("", ".pdb", "atoms"),
        ("MKTAY\n", ".cif", "mmCIF"),
        ("MKTAY\n", ".pdb", "atoms"),
        ("data_x\n", ".cif", "_atom_site"),
        ("data_x\n_entry.id X\nloop_\n_atom_site.id\n", ".cif", "file"),
        (GOOD_CIF[:-40], ".cif", "Wrong number of values"),
        (GOOD_CIF.replace("ATOM 7 ", "ATOM "), ".cif", "Wrong number of values"),
        (GOOD_CIF.replace(" 7.600 ", " 7.6OO "), ".cif", "7.6OO"),
        (GOOD_CIF.replace(" 7.600 ", " nan "), ".cif", "nan"),
        (GOOD_CIF.replace(" 7.600 ", " 1e30 "), ".cif", "1e30"),
        (GOOD_PDB.replace("   7.600", "  7.6OO "), ".pdb", "7.6OO.* in line"),
        (GOOD_PDB.replace("   7.600", "********"), ".pdb", r"\*\*\*.* in line"),
        (GOOD_PDB[: GOOD_PDB.index("7.600") + 2], ".pdb", "line"),
        (GOOD_CIF.replace("ATOM", "\x00"), ".cif", "plain text"),
        ("<html><body>404 Not Found</body></html>", ".cif", "mmCIF"),
        (GOOD_CIF, ".txt", r"\*\.cif"),
    ],
)
def test_broken_files_are_one_clear_error(read, text, ending, words):
    with pytest.raises(InputError, match=words) as caught:
        read(text, ending)
    assert "\n" not in str(caught.value) and "file" in str(caught.value)


def test_damaged_gzip_and_missing_files(tmp_path):
    (tmp_path / "a.cif.gz").write_bytes(gzip.compress(GOOD_CIF.encode())[:-30])
    (tmp_path / "b.cif.gz").write_text(GOOD_CIF)
    for name in ("a.cif.gz", "b.cif.gz", "c.cif"):
        with pytest.raises(InputError, match=name):
            read_structure(tmp_path / name)


@pytest.mark.parametrize(("text", "ending"), [(GOOD_CIF, ".cif"), (GOOD_PDB, ".pdb")])
def test_any_damage_is_an_error_or_a_structure(read, text, ending):
    rng = np.random.default_rng(0)
    letters = np.array(list(text))
    for _ in range(150):
        changed = letters.copy()
        places = rng.integers(0, len(letters), int(rng.integers(1, 6)))
        changed[places] = rng.choice(list("\n '\"_#;A9.-?"), len(places))
        damaged = "".join(changed[: int(rng.integers(1, len(letters) + 1))])
        try:
            structure = read(damaged, ending)
        except InputError as error:
            assert "\n" not in str(error)
        else:
            for chain in structure.chains:
                assert len(chain.sequence) == len(chain.atom_mask) == len(chain.atom_positions)
                assert np.isfinite(chain.atom_positions).all()


def test_names(tmp_path):
    names = ["a.cif", "b.CIF.gz", "c.pdb", "d.ent.gz", "e.txt", "f.a3m.gz", "g"]
    assert [is_structure_file(tmp_path / name) for name in names] == [True] * 4 + [False] * 3
    assert structure_name(tmp_path / "x.y.cif.gz") == "x.y"
