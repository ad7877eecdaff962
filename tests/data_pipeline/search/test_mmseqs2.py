"""The mmseqs binary on a small database; without it, these tests fail with the message that names it."""

import pytest

from alphafold_lite.common.errors import InputError, TargetError
from data_pipeline.databases import open_database
from data_pipeline.search.base import Query
from data_pipeline.search.mmseqs2 import PROGRAM, MMseqs2, MMseqs2Settings
from data_pipeline.search.process import run_program
from tests.support.small_databases import build_hhsuite, make_families, write_fasta

FAMILIES = make_families()
QUICK = MMseqs2Settings(iterations=1, kmer_length=5)


@pytest.fixture(scope="module")
def fasta(tmp_path_factory):
    return write_fasta(FAMILIES, tmp_path_factory.mktemp("mm seqs") / "small.fasta")


@pytest.fixture(scope="module")
def database(fasta):
    run_program(PROGRAM, ["createdb", fasta, fasta.parent / "db", "-v", "1"])
    return open_database(fasta.parent / "db", name="small")


def test_the_family_is_found_and_recorded(database):
    engine = MMseqs2(target=database, settings=MMseqs2Settings(kmer_length=5), threads=1)
    family = FAMILIES[1]
    sequence = "X" + family.ancestor[1:]
    result = engine.run(Query(name="q", sequence=sequence))
    alignment, record = result.alignment, result.record
    assert alignment.sequences[0] == sequence and alignment.descriptions[0] == "q"
    assert record.num_hits >= 20 and all(name.startswith(family.name) for name in alignment.descriptions[1:])
    assert (record.engine, record.database, record.version) == ("mmseqs2", "small", engine.version)
    for option, value in (
        ("--num-iterations", "3"),
        ("-e", "0.001"),
        ("--e-profile", "0.001"),
        ("-s", "7.5"),
        ("-k", "5"),
    ):
        assert record.command[record.command.index(option) + 1] == value


def test_a_fasta_file_will_do(fasta, database):
    family = FAMILIES[2]
    engine = MMseqs2(target=open_database(fasta), settings=QUICK, threads=1)
    result = engine.run(Query(name="q", sequence=family.ancestor))
    assert result.record.num_hits > 10 and result.alignment.sequences[1] == family.ancestor
    assert all(name.startswith(family.name) for name in result.alignment.descriptions[1:])
    assert result.record.database_version != database.version


def test_no_hits(database):
    result = MMseqs2(target=database, settings=QUICK, threads=1).run(Query(name="q", sequence="WCWCWCHHWCWCWCWC"))
    assert result.alignment.sequences == ("WCWCWCHHWCWCWCWC",) and result.record.num_hits == 0


def test_a_damaged_database_fails_this_query(fasta, database, tmp_path):
    for path in fasta.parent.glob("db*"):
        (tmp_path / path.name).write_bytes(path.read_bytes() if path.name != "db.index" else b"x\n")
    with pytest.raises(TargetError, match="mmseqs"):
        MMseqs2(target=open_database(tmp_path / "db"), threads=1).run(Query(name="q", sequence=FAMILIES[0].ancestor))


def test_other_databases_and_settings_are_refused(database, tmp_path):
    with pytest.raises(InputError, match="an MMseqs2 database for mmseqs"):
        MMseqs2(target=open_database(build_hhsuite(FAMILIES[:1], tmp_path)))
    with pytest.raises(InputError, match="at least one iteration"):
        MMseqs2(target=database, settings=MMseqs2Settings(iterations=0))
