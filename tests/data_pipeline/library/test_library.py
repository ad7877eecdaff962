"""Reading a packed library: lazily, with names of what is damaged."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError, MissingResourceError
from data_pipeline.library import library as library_module
from data_pipeline.library.info import library_info
from data_pipeline.library.library import Library
from data_pipeline.library.packing import write_library
from tests.support.synthetic_backbones import contents, errors

FILES = ("backbones.xz", "chains.xz", "profiles.xz", "sequences.xz")
USES = {
    "backbones.xz": lambda library: library.backbone(0),
    "chains.xz": lambda library: library.chain_sequences,
    "profiles.xz": lambda library: library.profile(0),
    "sequences.xz": lambda library: library.sequences(),
}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("libraries") / "mine"
    folder.mkdir()
    write_library(contents(), folder)
    return folder


@pytest.fixture
def folder(packed, tmp_path):
    return shutil.copytree(packed, tmp_path / "mine")


def test_everything_comes_back(packed):
    library, given = Library.open(packed), contents()
    assert library.name == "mine"
    assert (library.num_chains, library.num_residues, library.num_sequences) == (3, 125, 6)
    assert library.chain_names == given.chain_names
    assert library.chain_sequences == given.chain_sequences
    assert library.chain_dates == (date(2001, 2, 3), None, date(2003, 2, 3))
    assert library.has_profiles
    for chain, backbone in enumerate(given.backbones):
        found = library.backbone(chain)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found[:, 1].mean(0), 0, atol=1e-4)
        assert errors(found, backbone)[:, :3].max() < 0.3
        profile = library.profile(chain)
        assert profile.dtype == np.float32
        np.testing.assert_allclose(profile.sum(-1), 1, atol=1e-6)


def test_the_database_is_the_sequences_and_then_the_chains(packed):
    library, given = Library.open(packed), contents()
    database = library.sequences()
    assert database.names == (*given.sequence_names, "pdb|1AAA_A", "pdb|1AAA_B", "pdb|1AAA_C")
    assert database.sequences == given.sequences + given.chain_sequences
    assert database.version == library.version and database.name == "mine"
    assert len(database) == 6 == library.num_sequences


def test_many_backbones_equal_single_ones(packed):
    library = Library.open(packed)
    for chain, backbone in zip((2, 0, 1, 2), library.backbones([2, 0, 1, 2]), strict=True):
        np.testing.assert_allclose(backbone, library.backbone(chain), atol=1e-4)
    assert library.backbones([]) == ()


def test_raw_access_to_profiles(packed):
    library, given = Library.open(packed), contents()
    stored = library.profiles_3bit()
    np.testing.assert_array_equal(stored.offsets, [0, 40, 65, 125])
    np.testing.assert_array_equal(stored.rows, np.concatenate(given.profiles))


def test_chains_by_name(packed):
    library = Library.open(packed)
    assert library.index_of("1AAA_C") == 2
    with pytest.raises(InputError, match="did you mean 1AAA_"):
        library.index_of("1AAA_D")
    with pytest.raises(InputError, match="names look like"):
        library.index_of("zzz")


@pytest.mark.parametrize("chain", [-1, 3])
def test_numbers_outside(packed, chain):
    with pytest.raises(IndexError, match=f"chain {chain} of 3"):
        Library.open(packed).backbone(chain)


def test_opening_reads_the_manifest_only(folder):
    for name in FILES:
        (folder / name).unlink()
    library = Library.open(folder)
    assert library.num_chains == 3
    with pytest.raises(MissingResourceError, match=r"the library file .*backbones\.xz"):
        library.backbone(0)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["flipped", "cut", "emptied"])
def test_a_damaged_file_is_named_on_first_use(folder, name, damage):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes({"flipped": data, "cut": data[:-9], "emptied": b""}[damage])
    library = Library.open(folder)
    for other in ("chains.xz", *(other for other in FILES if other not in (name, "chains.xz"))):
        if name not in (other, "chains.xz"):
            USES[other](library)
    with pytest.raises(InputError, match=f"undamaged library file .*{name}.*sha256"):
        USES[name](library)
    with pytest.raises(InputError, match=name):
        library.verify()


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_file_with_a_right_checksum_is_still_found(folder, name):
    """A manifest that somebody edited does not lead to wrong chains."""
    text = json.loads((folder / "manifest.json").read_text())
    other = "profiles.xz" if name != "profiles.xz" else "sequences.xz"
    shutil.copyfile(folder / other, folder / name)
    text["files"][name] = text["files"][other]
    (folder / "manifest.json").write_text(json.dumps(text))
    with pytest.raises(InputError, match="undamaged library file"):
        USES[name](Library.open(folder))


def test_a_block_longer_than_announced(folder):
    text = json.loads((folder / "manifest.json").read_text())
    text["files"]["chains.xz"]["blocks"][0][1] -= 1
    (folder / "manifest.json").write_text(json.dumps(text))
    with pytest.raises(InputError, match="bytes in block 0"):
        _ = Library.open(folder).chain_names


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"format": "alphafold_lite library"}', '{"format": "other", "format_version": 1}'],
)
def test_a_manifest_that_is_none(folder, text):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest of version 1 in .*manifest\.json"):
        Library.open(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"num_chains": -1},
        {"num_chains": 4},
        {"num_residues": "many"},
        {"block_starts": []},
        {"block_starts": [0, 2, 2, 3]},
        {"files": {}},
        {"format_version": 2},
        {"validation_chains": [3]},
    ],
)
def test_a_manifest_with_wrong_parts(folder, change):
    text = json.loads((folder / "manifest.json").read_text()) | change
    (folder / "manifest.json").write_text(json.dumps(text))
    with pytest.raises(InputError, match="manifest of version 1"):
        Library.open(folder)


def test_wrong_counts_are_found_on_use(folder):
    text = json.loads((folder / "manifest.json").read_text()) | {
        "num_residues": 7,
        "raw_chains": [],
        "validation_chains": [],
        "num_sequences": 1,
    }
    (folder / "manifest.json").write_text(json.dumps(text))
    library = Library.open(folder)
    with pytest.raises(InputError, match=r"chains\.xz.*125 residues instead of 7"):
        library.backbone(0)
    with pytest.raises(InputError, match=r"sequences\.xz.*6 sequences instead of 1"):
        library.sequences()


def test_no_library_there(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match="a library folder"):
            Library.open(path)


def test_a_library_without_profiles(tmp_path):
    write_library(contents(profiles=False), tmp_path)
    library = Library.open(tmp_path)
    assert not library.has_profiles
    assert library.profile(0) is None and library.profiles_3bit() is None
    library.verify()
    assert library.backbone(2).shape == (60, 4, 3)


def test_profiles_may_be_taken_away_and_the_version_shows_it(folder):
    before = Library.open(folder)
    (folder / "profiles.xz").unlink()
    library = Library.open(folder)
    assert not library.has_profiles and library.profile(0) is None
    assert library.version != before.version
    assert library.num_bytes < before.num_bytes
    library.verify()


def test_the_version_stands_for_the_content(packed, tmp_path):
    write_library(contents(others=4), tmp_path)
    assert Library.open(packed).version == Library.open(packed).version != Library.open(tmp_path).version


def test_threads_read_the_same(packed):
    library = Library.open(packed)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(library.backbone, [0, 1, 2] * 20))
    for chain in range(3):
        for other in found[chain::3]:
            np.testing.assert_array_equal(other, found[chain])


def test_a_library_of_sequences_only(tmp_path):
    write_library(contents((), breaks=()), tmp_path)
    library = Library.open(tmp_path)
    assert library.num_chains == 0 and library.chain_names == () and library.chain_dates == ()
    assert len(library.sequences()) == 3
    assert library.profiles_3bit().rows.shape == (0, 20)
    assert library_info(library).rows()[3] == ("release dates", "no chains")


def test_what_it_holds(packed):
    found = library_info(Library.open(packed))
    assert (found.num_chains, found.num_raw_chains, found.num_undated_chains) == (3, 1, 1)
    assert (found.first_date, found.last_date) == (date(2001, 2, 3), date(2003, 2, 3))
    assert found.to_json_dict()["last_date"] == "2003-02-03"
    assert found.num_bytes == sum((packed / name).stat().st_size for name in FILES)
    assert dict(found.rows())["release dates"] == "2001-02-03 to 2003-02-03; 1 chains without a date"
    json.dumps(found.to_json_dict())


def test_an_installation_without_the_embedded_library(tmp_path, monkeypatch):
    monkeypatch.setattr(library_module, "EMBEDDED", tmp_path)
    library_module._embedded.cache_clear()
    with pytest.raises(MissingResourceError, match="the embedded library"):
        Library.embedded()
