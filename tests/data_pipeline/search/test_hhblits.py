"""The hhblits binary on a small database; without it, these tests fail with the message that names it."""

import pytest

from alphafold_lite.common.errors import InputError, TargetError
from data_pipeline.databases import open_database
from data_pipeline.search.base import Query
from data_pipeline.search.hhblits import HHblits, HHblitsSettings
from tests.support.small_databases import build_hhsuite, make_families, write_fasta

FAMILIES = make_families()


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    return open_database(build_hhsuite(FAMILIES, tmp_path_factory.mktemp("hh suite")), name="small")


def test_the_family_is_found_and_recorded(target):
    engine = HHblits(targets=(target,), threads=1)
    family = FAMILIES[1]
    sequence = "X" + family.ancestor[1:]
    result = engine.run(Query(name="q", sequence=sequence))
    alignment, record = result.alignment, result.record
    assert alignment.sequences[0] == sequence and alignment.descriptions[0] == "q"
    assert record.num_hits >= 15 and all(name.startswith(family.name) for name in alignment.descriptions[1:])
    # rows that the family's own alignment has are found residue by residue, but for ends
    row = alignment.sequences[alignment.descriptions.index(f"{family.name}_5")]
    assert sum(a == b for a, b in zip(row, family.rows[5], strict=True)) > 0.9 * len(row)
    assert (record.engine, record.database, record.version) == ("hhblits", "small", engine.version)
    for option, value in (
        ("-n", "3"),
        ("-e", "0.001"),
        ("-maxseq", "1000000"),
        ("-realign_max", "100000"),
        ("-maxfilt", "100000"),
        ("-min_prefilter_hits", "1000"),
    ):
        assert record.command[record.command.index(option) + 1] == value


def test_two_databases_at_once(target, tmp_path):
    other = open_database(build_hhsuite(make_families(seed=1)[:1], tmp_path), name="other")
    engine = HHblits(targets=(other, target), settings=HHblitsSettings(iterations=1), threads=1)
    result = engine.run(Query(name="q", sequence=FAMILIES[0].ancestor))
    assert result.record.database == "other+small" and result.record.num_hits >= 15
    assert engine.database_version == f"{other.version}+{target.version}"


def test_no_hits(target):
    result = HHblits(targets=(target,), threads=1).run(Query(name="q", sequence="WCWCWCHHWCWCWCWC"))
    assert result.alignment.sequences == ("WCWCWCHHWCWCWCWC",) and result.record.num_hits == 0


def test_a_damaged_database_fails_this_query(tmp_path):
    prefix = build_hhsuite(FAMILIES[:1], tmp_path)
    (prefix.parent / "small_cs219.ffdata").write_bytes(b"")
    with pytest.raises(TargetError, match="hhblits"):
        HHblits(targets=(open_database(prefix),), threads=1).run(Query(name="q", sequence=FAMILIES[0].ancestor))


def test_other_databases_are_refused(tmp_path):
    with pytest.raises(InputError, match="an HH-suite database for hhblits"):
        HHblits(targets=(open_database(write_fasta(FAMILIES, tmp_path / "a.fasta")),))
    with pytest.raises(InputError, match="--database"):
        HHblits(targets=())
