"""`--data-dir`: the layout of AlphaFold's download scripts, whole and in part."""

import pytest

from alphafold_lite.common.errors import MissingResourceError
from data_pipeline.data_folder import read_data_folder

HHSUITE = ("a3m.ffdata", "a3m.ffindex", "hhm.ffdata", "hhm.ffindex", "cs219.ffdata", "cs219.ffindex")
BFD = "bfd/bfd_metaclust_clu_complete_id30_c90_final_seq.sorted_opt"


def make(folder, *paths):
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(">x\nMKT\n")


def make_hhsuite(folder, prefix):
    make(folder, *(f"{prefix}_{ending}" for ending in HHSUITE))


@pytest.fixture
def full(tmp_path):
    make(tmp_path, "uniref90/uniref90.fasta", "mgnify/mgy_clusters_2018_12.fa", "mgnify/mgy_clusters_2022_05.fa")
    make(tmp_path, "small_bfd/bfd-first_non_consensus_sequences.fasta", "uniprot/uniprot.fasta")
    make(tmp_path, "pdb_seqres/pdb_seqres.txt", "pdb_mmcif/mmcif_files/1abc.cif", "pdb_mmcif/obsolete.dat")
    for prefix in (BFD, "uniref30/UniRef30_2021_03", "pdb70/pdb70"):
        make_hhsuite(tmp_path, prefix)
    return tmp_path


def test_the_whole_layout(full):
    found = read_data_folder(full)
    assert not found.missing and found.structures == full / "pdb_mmcif/mmcif_files"
    assert found.obsolete == full / "pdb_mmcif/obsolete.dat"
    assert set(found.databases) == {
        *("uniref90", "mgnify", "small_bfd", "bfd", "uniref30", "uniprot", "pdb70", "pdb_seqres")
    }
    assert found.databases["mgnify"].path.name == "mgy_clusters_2022_05.fa"  # the newest
    assert found.databases["mgnify"].version.startswith("2022_05-")
    assert found.databases["bfd"].path == full / BFD and found.databases["uniref30"].version.startswith("2021_03-")
    assert [database.name for database in found.msa_databases("jackhmmer")] == ["uniref90", "mgnify", "small_bfd"]
    assert [database.name for database in found.msa_databases("hhblits")] == ["bfd", "uniref30"]
    assert found.msa_databases("embedded") == () and len(found.describe()) == 10


def test_what_is_missing_is_said(tmp_path):
    make(tmp_path, "uniref90/uniref90.fasta.gz", "mgnify/mgy_clusters_2022_05.fa", "pdb_seqres/other.txt")
    (tmp_path / "pdb_mmcif/mmcif_files").mkdir(parents=True)
    (tmp_path / "uniprot").mkdir()
    (tmp_path / "uniprot/uniprot.fasta").write_bytes(b"\x1f\x8b\x08")
    found = read_data_folder(tmp_path)
    reasons = {part.role: part.reason for part in found.missing}
    assert list(found.databases) == ["mgnify"] and found.structures is found.obsolete is None
    assert reasons["uniref90"] == "only uniref90.fasta.gz, not unpacked"
    assert reasons["uniprot"] == "found compressed data" and reasons["pdb_seqres"] == "no such file"
    assert reasons["bfd"] == "no folder bfd" and reasons["structures"] == "an empty folder"
    text = "\n".join(found.describe())
    assert "found mgnify" in text and "missing bfd" in text and "only uniref90.fasta.gz" in text
    with pytest.raises(MissingResourceError, match="bfd/bfd_metaclust"):
        found.msa_databases("hhblits")


def test_the_older_layout_of_uniclust(tmp_path):
    make_hhsuite(tmp_path, "uniclust30/uniclust30_2018_08/uniclust30_2018_08")
    found = read_data_folder(tmp_path).databases["uniref30"]
    assert found.path.name == "uniclust30_2018_08" and found.version.startswith("2018_08-")


def test_a_folder_of_something_else(tmp_path):
    with pytest.raises(MissingResourceError, match="uniref90/uniref90.fasta"):
        read_data_folder(tmp_path)
    with pytest.raises(MissingResourceError, match="no folder"):
        read_data_folder(tmp_path / "absent")
