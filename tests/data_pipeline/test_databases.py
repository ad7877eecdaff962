"""`--database PATH[:NAME]`: what lies there, of which kind, in which version."""

import os

import pytest

from alphafold_lite.common.errors import InputError, MissingResourceError
from data_pipeline.databases import open_database, parse_database


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.fasta").write_text(">x\nMKT\n")
    (tmp_path / "b:c").write_text(">x\nMKT\n")
    (tmp_path / "uc_cs219.ffdata").write_bytes(b"x")
    (tmp_path / "mm").write_bytes(b"MKT\n\0")
    (tmp_path / "mm.index").write_text("0\t0\t5\n")
    (tmp_path / "mm.dbtype").write_bytes(b"\0\0\0\0")
    (tmp_path / "dir").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("a.fasta", "a", "fasta"),
        ("a.fasta:uniref", "uniref", "fasta"),
        ("b:c", "b:c", "fasta"),
        ("b:c:mine", "mine", "fasta"),
        ("uc", "uc", "hhsuite"),
        ("uc:bfd", "bfd", "hhsuite"),
        ("mm:x", "x", "mmseqs2"),
    ],
)
def test_path_and_name(folder, text, name, kind):
    database = parse_database(f"{folder}/{text}")
    assert (database.name, database.kind) == (name, kind)
    assert database.path.is_absolute() and str(database.path).startswith(str(folder))


@pytest.mark.parametrize(
    "text", ["", ":", "a.fasta:", ":name", "a.fasta:../x", "a.fasta:a b", "a.fasta:-o", "a.fasta:" + "x" * 65]
)
def test_bad_names_and_empty_paths(folder, monkeypatch, text):
    monkeypatch.chdir(folder)
    with pytest.raises(InputError):
        parse_database(text)


@pytest.mark.parametrize(
    ("text", "words"), [("none", "nothing"), ("dir", "a folder"), ("none:x", "nothing"), ("uc_cs", "incomplete files")]
)
def test_nothing_there(folder, text, words):
    with pytest.raises(MissingResourceError, match=words):
        parse_database(f"{folder}/{text}")


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "at its start"), (b"\x1f\x8b\x08", "compressed"), (b"MKT\n", "at its start")]
)
def test_files_that_are_no_fasta(tmp_path, data, words):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(InputError, match=words):
        open_database(tmp_path / "a")


def test_clusters_and_results_of_mmseqs2_are_no_database(folder):
    (folder / "mm.dbtype").write_bytes(b"\5\0\0\0")
    with pytest.raises(MissingResourceError):
        open_database(folder / "mm")


def test_the_version_changes_with_size_and_time(folder):
    path = folder / "a.fasta"
    first = open_database(path).version
    assert open_database(path).version == first
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1_000_000))
    second = open_database(path).version
    path.write_text(">x\nMKTA\n")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert len({first, second, open_database(path).version}) == 3


def test_every_file_of_a_database_counts(folder):
    first = open_database(folder / "uc").version
    (folder / "uc_a3m.ffdata").write_bytes(b"x")
    assert open_database(folder / "uc").version != first


def test_releases_are_read_off_names(folder):
    (folder / "mgy_clusters_2022_05.fa").write_text(">x\nMKT\n")
    assert open_database(folder / "mgy_clusters_2022_05.fa").version.startswith("2022_05-")
