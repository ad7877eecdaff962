"""Structure files by entry, in the layouts of AlphaFold's downloads and of PDB mirrors."""

import gzip

import pytest

from alphafold_lite.common.errors import InputError
from data_pipeline.templates.structures import StructureFolder, read_obsolete
from tests.support.structure_texts import Entity, Header, mmcif, pdb, peptide, three

SEQUENCE = "MKTAYIAKQR"
CIF = mmcif(peptide(SEQUENCE), Header(entities={"1": Entity(three(SEQUENCE))}))


@pytest.mark.parametrize(
    ("path", "packed"),
    [
        ("1abc.cif", False),
        ("1ABC.cif", False),
        ("1abc.cif.gz", True),
        ("ab/1abc.cif.gz", True),
        ("ab/pdb1abc.ent.gz", True),
        ("1abc.pdb", False),
    ],
)
def test_layouts(tmp_path, path, packed):
    text = CIF if ".cif" in path else pdb(peptide(SEQUENCE))
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    folder = StructureFolder.open(tmp_path)
    for entry in ("1abc", "1ABC"):
        found = folder.read(entry)
        assert found is not None and found.chains[0].sequence == SEQUENCE
    assert folder.read("2abc") is None


def test_names_are_no_paths(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "a.cif").write_text(CIF)
    folder = StructureFolder.open(inner)
    assert [folder.read(name) for name in ("../a", "..", "", "1abc/", "1abcd")] == [None] * 5


def test_withdrawn_entries(tmp_path):
    (tmp_path / "3new.cif").write_text(CIF)
    (tmp_path / "obsolete.dat").write_text(
        " LIST OF OBSOLETE COORDINATE ENTRIES AND SUCCESSORS\n"
        "OBSLTE    31-JUL-94 1OLD     2MID\nOBSLTE    31-JUL-95 2MID     3NEW 4OTH\nOBSLTE    31-JUL-95 5GON\n"
        "OBSLTE    31-JUL-95 6LOP     7LOP\nOBSLTE    31-JUL-95 7LOP     6LOP\n"
    )
    folder = StructureFolder.open(tmp_path, tmp_path / "obsolete.dat")
    assert folder.read("1OLD") is not None
    assert folder.read("5gon") is None and folder.read("6lop") is None
    assert read_obsolete("") == {}


def test_the_last_structure_is_kept(tmp_path):
    (tmp_path / "1abc.cif").write_text(CIF)
    folder = StructureFolder.open(tmp_path)
    assert folder.read("1abc") is folder.read("1abc")


def test_errors(tmp_path):
    (tmp_path / "1abc.cif").write_text("nothing")
    with pytest.raises(InputError, match=r"1abc\.cif"):
        StructureFolder.open(tmp_path).read("1abc")
    with pytest.raises(InputError, match="a folder"):
        StructureFolder.open(tmp_path / "absent")
