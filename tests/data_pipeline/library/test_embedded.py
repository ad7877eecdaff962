"""The packed files in the package against the data they were made from."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from data_pipeline.library.library import EMBEDDED, Library, frequencies
from data_pipeline.parsers.records import split_records
from data_pipeline.parsers.text import read_text
from tests.support.reference import REFERENCE
from tests.support.synthetic_backbones import errors

DATA = REFERENCE.parent / "data"
MAX_FILE, MAX_ALL = (
    10 * 2**20,
    23_000_000,
)  # bytes; a limit of the repository, and what was planned with room for rounding
SAMPLE = 300


class Source:
    """Chains of the two parts that are packed."""

    def __init__(self, folder: Path):
        self.sequences, self.parts = {}, {}
        for part in ("backbone_train.npz", "backbone_valid.npz"):
            with np.load(folder / part, allow_pickle=False) as archive:
                letters, offsets = archive["sequence"], archive["offset"]
                self.parts[part] = archive["coords"]
                for name, start, end in zip(archive["id"], offsets, offsets[1:], strict=False):
                    self.sequences[str(name)] = letters[start:end].tobytes().decode(), part, slice(start, end)

    def backbone(self, name):
        _, part, rows = self.sequences[name]
        return self.parts[part][rows] / np.float32(100)


@pytest.fixture(scope="module")
def source():
    return Source(DATA / "pdb_subset")


@pytest.fixture(scope="module")
def library():
    return Library.embedded()


def test_no_file_is_large_and_every_checksum_holds(library):
    library.verify()
    sizes = {path.name: path.stat().st_size for path in EMBEDDED.iterdir()}
    assert {"DATA_LICENSES", "NOTICE", "manifest.json"} < sizes.keys()
    assert max(sizes.values()) < MAX_FILE
    assert sum(sizes.values()) < MAX_ALL


def test_opened_once_a_process(library):
    assert library is Library.embedded()
    assert library.name == "embedded"


def test_chains_are_those_of_the_source(library, source):
    assert library.num_chains == 13_250 and library.num_residues == 1_947_577
    assert library.chain_names == tuple(sorted(source.sequences))
    assert library.chain_sequences == tuple(source.sequences[name][0] for name in library.chain_names)
    assert set(library.chain_dates) == {None}


def test_the_database_is_the_source(library):
    records = split_records(read_text(DATA / "sequences" / "search_db.fasta.gz"), source="the source")
    database = library.sequences()
    assert len(database) == len(records) == library.num_sequences == 100_911
    assert database.names == tuple(record.header.split()[0] for record in records)
    assert database.sequences == tuple(record.sequence for record in records)


def test_errors_of_backbones(library, source):
    """Library study, section 3: mean CA RMSD 0.032, worst of N, CA, C 0.168 in 99 of 100 chains, worst O 0.45."""
    raw = np.array(library._manifest.raw_chains)
    chosen = np.random.default_rng(0).choice(np.setdiff1d(np.arange(library.num_chains), raw), SAMPLE, replace=False)
    coded = [
        errors(found, source.backbone(library.chain_names[chain]))
        for chain, found in zip(chosen, library.backbones(chosen.tolist()), strict=True)
    ]
    rmsd = [np.sqrt((chain[:, 1] ** 2).mean()) for chain in coded]
    worst = np.array([chain.max(axis=0) for chain in coded])
    assert np.mean(rmsd) < 0.04
    assert np.percentile(worst[:, :3].max(axis=1), 99) < 0.2
    assert worst.max() < 0.5
    assert worst[:, 3].mean() < 0.2
    exact = [
        errors(found, source.backbone(library.chain_names[chain])).max()
        for chain, found in zip(raw, library.backbones(raw.tolist()), strict=True)
    ]
    assert len(exact) < 150 and max(exact) < 0.02


def test_profiles_are_the_source_in_three_bits(library, source):
    with np.load(DATA / "pdb_subset" / "backbone_valid.npz", allow_pickle=False) as archive:
        names, offsets, profile = archive["id"], archive["offset"], archive["profile"]
    stored = library.profiles_3bit()
    for number in range(0, len(names), 20):
        original = profile[offsets[number] : offsets[number + 1]] / np.float32(255)
        chain = library.index_of(str(names[number]))
        packed = stored.rows[stored.offsets[chain] : stored.offsets[chain + 1]]
        assert np.abs(packed / 7 - np.sqrt(original)).max() <= 1 / 14 + 1e-6  # half a step of the square root
        np.testing.assert_array_equal(library.profile(chain), frequencies(packed))
        np.testing.assert_allclose(library.profile(chain).sum(-1), 1, atol=1e-5)


def test_licences_name_every_part():
    text = (EMBEDDED / "DATA_LICENSES").read_text(encoding="ascii")
    for part in (
        "chains.xz",
        "backbones.xz",
        "profiles.xz",
        "sequences.xz",
        "CC0 1.0",
        "Apache License 2.0",
        "CC BY 4.0",
    ):
        assert part in text
    assert "OPEN" in text
    assert "UniProt Consortium" in (EMBEDDED / "NOTICE").read_text(encoding="ascii")


def test_manifest_has_the_checksums_of_the_files(library):
    for name, file in library._manifest.files.items():
        assert hashlib.sha256((EMBEDDED / name).read_bytes()).hexdigest() == file.sha256
