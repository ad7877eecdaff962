"""The jackhmmer binary on a small database; without it, these tests fail with the message that names it."""

import pytest

from alphafold_lite.common.errors import InputError, TargetError
from data_pipeline.databases import open_database
from data_pipeline.search.base import Query
from data_pipeline.search.jackhmmer import JackhmmerProgram, JackhmmerSettings, first_rows
from tests.support.small_databases import build_hhsuite, make_families, write_fasta

FAMILIES = make_families()


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    return open_database(write_fasta(FAMILIES, tmp_path_factory.mktemp("with space") / "small.fasta"), name="small")


def family_rows(result, family):
    return [name for name in result.alignment.descriptions[1:] if name.startswith(f"{family.name}_")]


def test_the_family_is_found_and_recorded(target):
    engine = JackhmmerProgram(target=target, threads=1)
    family = FAMILIES[1]
    result = engine.run(Query(name="my query; rm", sequence=family.ancestor))
    alignment, record = result.alignment, result.record
    assert alignment.sequences[0] == family.ancestor and alignment.descriptions[0] == "my query; rm"
    assert len(family_rows(result, family)) == record.num_hits == len(alignment.sequences) - 1
    assert record.num_hits >= 20 and alignment.sequences[1] == family.ancestor  # best hit: itself
    assert (record.engine, record.database, record.version) == ("jackhmmer", "small", engine.version)
    assert record.database_version == target.version and record.seconds > 0 and "3" in record.version
    for option, value in (("-N", "1"), ("--F1", "0.0005"), ("--F2", "5e-05"), ("--F3", "5e-07"), ("--incE", "0.0001")):
        assert record.command[record.command.index(option) + 1] == value


def test_settings_reach_the_program(target):
    settings = JackhmmerSettings(iterations=2, e_value=1e-9, domain_e_value=1e-8, database_size=10**9, max_rows=5)
    result = JackhmmerProgram(target=target, settings=settings, threads=1).run(
        Query(name="q", sequence=FAMILIES[0].ancestor)
    )
    command = result.record.command
    for option, value in (("-N", "2"), ("-E", "1e-09"), ("--incdomE", "1e-08"), ("-Z", "1000000000")):
        assert command[command.index(option) + 1] == value
    assert result.record.num_hits == 5 and result.record.options["max_rows"] == 5


def test_unknown_residues_and_no_hits(target):
    sequence = "X" * 3 + FAMILIES[0].ancestor[3:] + "X"
    found = JackhmmerProgram(target=target, threads=1).run(Query(name="q", sequence=sequence))
    assert found.alignment.sequences[0] == sequence and found.record.num_hits > 10
    alone = JackhmmerProgram(target=target, threads=1).run(Query(name="q", sequence="WCWCWCWCWCWCWCWC"))
    assert alone.alignment.sequences == ("WCWCWCWCWCWCWCWC",) and alone.record.num_hits == 0


def test_names_that_occur_twice_stay_themselves(tmp_path):
    row = FAMILIES[0].ancestor
    (tmp_path / "twice.fasta").write_text(f">a one\n{row}\n>a two\n{row}\n")
    engine = JackhmmerProgram(target=open_database(tmp_path / "twice.fasta"), threads=1)
    result = engine.run(Query(name="q", sequence=row))
    assert result.alignment.descriptions == ("q", f"a/1-{len(row)}", f"a/1-{len(row)}")


def test_a_damaged_database_fails_this_query(tmp_path):
    (tmp_path / "bad.fasta").write_text(">a\nMKT1AY&&\n")
    engine = JackhmmerProgram(target=open_database(tmp_path / "bad.fasta"), threads=1)
    with pytest.raises(TargetError, match="jackhmmer.*exit status 1"):
        engine.run(Query(name="q", sequence=FAMILIES[0].ancestor))


def test_time_limit(target):
    engine = JackhmmerProgram(target=target, threads=1, time_limit=1e-9)
    with pytest.raises(TargetError, match="still running"):
        engine.run(Query(name="q", sequence=FAMILIES[0].ancestor))


def test_other_databases_are_refused(tmp_path):
    target = open_database(build_hhsuite(FAMILIES[:1], tmp_path))
    with pytest.raises(InputError, match="a FASTA file for jackhmmer"):
        JackhmmerProgram(target=target)


def test_rows_are_cut_in_every_block():
    text = "# STOCKHOLM 1.0\n#=GS a DE x\nq AC\na AC\nb AC\n#=GC RF xx\n\nq DE\na DE\nb DE\n//\n"
    assert first_rows(text, 1) == "# STOCKHOLM 1.0\nq AC\na AC\nq DE\na DE\n//"
    assert "b DE" in first_rows(text, None)
