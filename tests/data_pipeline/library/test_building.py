"""Libraries from a user's own structures and sequences."""

import gzip
from datetime import date

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError
from data_pipeline.library import building
from data_pipeline.library.building import build_library
from data_pipeline.library.library import Library
from tests.support.synthetic_backbones import backbone, errors, pdb_text, sequence

FASTA = ">one first\nMKVLaa\nRST*\n>two\nMK-VL\n>\nAUGJO\n>bad\nMK1V\n>empty\n\n>zwei\u00e4 x\nBZX\n"


@pytest.fixture
def sources(tmp_path):
    """A folder of structures, one of them in a subfolder, and a FASTA file."""
    structures = tmp_path / "structures"
    (structures / "more").mkdir(parents=True)
    chains = [("A", sequence(1, 40), backbone(1, 40)), ("B", sequence(2, 30), backbone(2, 30, breaks=(14,)))]
    (structures / "1abc.pdb").write_text(pdb_text(chains))
    other = pdb_text([("A", sequence(3, 25), backbone(3, 25))], entry="2XYZ", day="31-DEC-99")
    (structures / "more" / "2xyz.ent.gz").write_bytes(gzip.compress(other.encode()))
    (structures / "notes.txt").write_text("not a structure")
    (tmp_path / "seq.fa").write_text(FASTA, encoding="utf-8")
    return structures, tmp_path / "seq.fa", chains


def reasons(report):
    return {skipped.name: skipped.reason for skipped in report.skipped}


def test_structures_and_sequences(sources, tmp_path):
    structures, fasta, chains = sources
    report = build_library(structures, fasta, tmp_path / "lib")
    library = Library.open(tmp_path / "lib")
    assert library.name == "lib" and not library.has_profiles
    assert library.num_chains == report.num_chains == 3
    assert [name.lower() for name in library.chain_names] == ["1abc_a", "1abc_b", "2xyz_a"]
    assert library.chain_dates == (date(2015, 3, 4), date(2015, 3, 4), date(1999, 12, 31))
    assert library.num_raw_chains == 1  # the one with a break
    for chain, (_, letters, atoms) in enumerate(chains):
        assert library.chain_sequences[chain] == letters
        assert errors(library.backbone(chain), atoms).max() < (0.5, 0.02)[chain]
    database = library.sequences()
    assert database.names[:4] == ("one", "two", "line_6", "zwei?")
    assert database.sequences[:4] == ("MKVLAARST", "MKVL", "AXGXX", "BZX")
    assert len(database) == report.num_sequences == 7
    assert set(reasons(report)) == {"sequence 'bad' (line 8 of seq.fa)", "sequence 'empty' (line 10 of seq.fa)"}
    assert not list(tmp_path.glob(".lib*"))


def test_bad_structures_are_left_out_one_by_one(sources, tmp_path):
    structures, _, chains = sources
    (structures / "0bad.cif").write_text("data_x\nloop_\n_atom_site.Cartn_x\n")
    (structures / "1trunc.pdb.gz").write_bytes(gzip.compress(b"ATOM")[:9])
    (structures / "3short.pdb").write_text(pdb_text([("A", sequence(1, 19), backbone(1, 19))]))
    twins = [(letter, *chains[0][1:]) for letter in "AB"]
    (structures / "4twins.pdb").write_text(pdb_text(twins, entry="4TWI"))
    (structures / "5again.pdb").write_text(pdb_text(chains[:1]))
    report = build_library(structures, None, tmp_path / "lib")
    found = reasons(report)
    assert report.num_chains == 4 == Library.open(tmp_path / "lib").num_chains
    assert "found" in found.pop("0bad.cif")
    assert "gzip" in found.pop("1trunc.pdb.gz")
    assert "19 residues" in found.pop("3short.pdb, chain A")
    assert found.pop("4twins.pdb, chain B") == "the same residues as chain A"
    assert list(found.values()) == ["a chain of this name is there"]
    assert next(iter(found)).startswith("5again.pdb, chain 1")


def test_residues_without_a_complete_backbone_are_left_out(tmp_path):
    letters, atoms = sequence(5, 40), backbone(5, 40)
    text = pdb_text([("A", letters, atoms)])
    kept = [line for line in text.splitlines() if not (line[22:26].strip() in ("7", "8") and line[13:15] == "O ")]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.pdb").write_text("\n".join(kept))
    build_library(tmp_path / "in", None, tmp_path / "lib")
    library = Library.open(tmp_path / "lib")
    assert library.chain_sequences == (letters[:6] + letters[8:],)
    assert errors(library.backbone(0), np.delete(atoms, (6, 7), axis=0)).max() < 0.5


def test_sequences_alone(sources, tmp_path):
    report = build_library(None, sources[1], tmp_path / "lib")
    assert (report.num_chains, report.num_sequences) == (0, 4)
    assert Library.open(tmp_path / "lib").num_chains == 0


def test_equal_sources_give_equal_bytes(sources, tmp_path):
    for parent in ("x", "y"):
        build_library(sources[0], sources[1], tmp_path / parent / "lib")
    for path in (tmp_path / "x" / "lib").iterdir():
        assert path.read_bytes() == (tmp_path / "y" / "lib" / path.name).read_bytes()


def test_an_existing_target_is_refused_before_anything_is_read(sources, tmp_path):
    (tmp_path / "lib").mkdir()
    with pytest.raises(InputError, match="a new folder"):
        build_library(tmp_path / "absent", None, tmp_path / "lib")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(InputError, match="a new folder"):
        build_library(sources[0], None, tmp_path / "link")


def test_a_failure_leaves_nothing_behind(sources, tmp_path, monkeypatch):
    def full_disk(contents, folder):
        (folder / "chains.xz").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(building, "write_library", full_disk)
    with pytest.raises(InputError, match="No space left"):
        build_library(sources[0], None, tmp_path / "lib")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["seq.fa", "structures"]


@pytest.mark.parametrize(
    ("structures", "fasta", "message"),
    [
        (None, None, "found neither"),
        ("absent", None, "a folder of structures"),
        (None, "absent.fa", "a readable file"),
        ("empty", None, "no structure file"),
        ("short", None, "1 residues"),
    ],
)
def test_nothing_usable(tmp_path, structures, fasta, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "short").mkdir()
    (tmp_path / "short" / "x.pdb").write_text(pdb_text([("A", "G", backbone(1, 1))]))
    sources = (tmp_path / structures if structures else None, tmp_path / fasta if fasta else None)
    with pytest.raises(InputError, match=message):
        build_library(*sources, tmp_path / "lib")
    assert not (tmp_path / "lib").exists()
