"""hhsearch and hmmsearch: hits on chains of known sequence, residue by residue, with the real binaries."""

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError, TargetError
from data_pipeline.databases import open_database
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.parsers.hhr import parse_hhr
from data_pipeline.search.files import to_a3m
from data_pipeline.search.hhsearch import HHsearch
from data_pipeline.search.hmmsearch import HmmSearchProgram
from data_pipeline.search.hmmsearch_output import domain_e_values, parse_hits
from data_pipeline.search.structure_hits import StructureHits
from tests.support.small_databases import Family, build_hhsuite, make_families

FAMILIES = make_families()
QUERY = FAMILIES[1].ancestor
CHAIN = "GGSG" + QUERY[3:40] + "AEGA" + QUERY[40:80] + QUERY[84:110]  # four more residues, then four fewer


@pytest.fixture(scope="module")
def alignment():
    rows = FAMILIES[1].rows
    deletions = np.zeros((len(rows), len(QUERY)), int)
    deletions[2, 40] = 3
    return Alignment(sequences=rows, deletion_matrix=deletions, descriptions=tuple(map(str, range(len(rows)))))


def check_chain(hit):
    """The alignment of the query with CHAIN is the one it was made by, but for a residue or two beside the gaps."""
    pairs = [(q, t) for q, t in zip(hit.indices_query, hit.indices_hit, strict=True) if q >= 0 and t >= 0]
    assert all(QUERY[q] == letter for q, letter in zip(hit.indices_query, hit.query, strict=True) if q >= 0)
    assert all(CHAIN[t] == letter for t, letter in zip(hit.indices_hit, hit.hit_sequence, strict=True) if t >= 0)
    assert sum(QUERY[q] == CHAIN[t] for q, t in pairs) >= 97 and len(pairs) == hit.aligned_cols
    assert (10, 11) in pairs and (60, 65) in pairs and (100, 101) in pairs
    assert 60 < hit.sum_probs <= hit.aligned_cols


def test_hhsearch(tmp_path, alignment):
    chains = (Family(name="1abc_A", rows=(CHAIN,)), Family(name="2abc_B", rows=(FAMILIES[0].ancestor,)))
    engine = HHsearch(targets=(open_database(build_hhsuite(chains, tmp_path), name="pdb70"),), threads=1)
    found = engine.search(alignment)
    assert found.hits[0].name.startswith("1abc_A") and found.e_values[0] < 1e-10
    check_chain(found.hits[0])
    assert parse_hhr(found.text) == found.hits and found.record.num_hits == len(found.hits)
    assert (found.record.engine, found.record.version, found.record.database) == ("hhsearch", engine.version, "pdb70")


def test_hmmsearch(tmp_path, alignment):
    chain, other = CHAIN, FAMILIES[0].ancestor
    text = f">1abc_A mol:protein length:{len(chain)}  TITLE, AND MORE\n{chain}\n>2abc_B mol:protein\n{other}\n"
    (tmp_path / "pdb_seqres.txt").write_text(text)
    engine = HmmSearchProgram(target=open_database(tmp_path / "pdb_seqres.txt"), threads=1)
    found = engine.search(alignment)
    assert found.hits[0].name == f"1abc_A mol:protein length:{len(chain)}  TITLE, AND MORE" and found.hits[0].index == 1
    check_chain(found.hits[0])
    assert found.e_values[0] < 1e-20 and len(found.e_values) == len(found.hits) == found.record.num_hits
    command = found.record.command
    assert command[command.index("--F3") + 1] == "0.1" and command[command.index("--incdomE") + 1] == "100"


def test_hmmsearch_without_a_hit(tmp_path, alignment):
    (tmp_path / "seqres.txt").write_text(">1abc_A\nWWW\n")
    engine = HmmSearchProgram(target=open_database(tmp_path / "seqres.txt"), e_value=1e-9, threads=1)
    found = engine.search(alignment)
    assert found.hits == found.e_values == () and found.record.num_hits == 0


def test_a_query_alone_will_do(tmp_path):
    alone = Alignment(sequences=(QUERY,), deletion_matrix=np.zeros((1, len(QUERY)), int), descriptions=("q",))
    (tmp_path / "seqres.txt").write_text(f">1abc_A\n{CHAIN}\n")
    found = HmmSearchProgram(target=open_database(tmp_path / "seqres.txt"), threads=1).search(alone)
    check_chain(found.hits[0])
    chains = (Family(name="1abc_A", rows=(CHAIN,)),)
    found = HHsearch(targets=(open_database(build_hhsuite(chains, tmp_path)),), threads=1).search(alone)
    check_chain(found.hits[0])


def test_alignments_are_handed_over_whole():
    rows = Alignment(
        sequences=("MKT", "M-O"), deletion_matrix=np.array([[0, 0, 0], [2, 0, 1]]), descriptions=("q; rm", ">x")
    )
    assert to_a3m(rows) == ">query\nMKT\n>1\nxxM-xX\n"


STOCKHOLM = """# STOCKHOLM 1.0
#=GS a/3-6 DE [subseq from] a title
a/3-6 -MKaT
#=GR a/3-6 PP .9*80
#=GC RF xxx.x
//
"""
TABLE = "a - 9 q - 4 1e-5 9 0 1 1 2e-6 3e-6 9.0 0 2 4 3 6 3 6 0.9 a title\n"


def test_columns_and_posteriors_of_hmmsearch():
    (hit,) = parse_hits(STOCKHOLM, "GMKT")
    assert (hit.query, hit.hit_sequence) == ("MK-T", "MKAT") and hit.name == "a a title"
    assert (hit.indices_query, hit.indices_hit) == ((1, 2, -1, 3), (2, 3, 4, 5))
    assert hit.aligned_cols == 3 and hit.sum_probs == pytest.approx(0.9 + 0.975 + 0.0)
    assert domain_e_values(f"# head\n{TABLE}", (hit,)) == (3e-6,) and parse_hits("", "GMKT") == ()


@pytest.mark.parametrize(
    ("stockholm", "table", "words"),
    [
        (STOCKHOLM.replace("xxx.x", "xxx.."), TABLE, "4 profile columns"),
        (STOCKHOLM.replace("a/3-6 -M", "a/3-6 M"), TABLE, "NAME/FROM-TO"),
        (STOCKHOLM.replace("a/3-6", "a/3-9"), TABLE, "residues 3 to 9"),
        (STOCKHOLM.replace("a/3-6", "b"), TABLE, "NAME/FROM-TO"),
        (STOCKHOLM.replace("-MKaT", "-MKaT more"), TABLE, "a name and letters"),
        (STOCKHOLM, "", "a/3-6 in hmmsearch's table"),
        (STOCKHOLM, TABLE.replace("3e-6", "x"), "a table of domains"),
        (STOCKHOLM, "a - 9\n", "a table of domains"),
    ],
)
def test_hostile_output_is_an_error(stockholm, table, words):
    with pytest.raises(InputError) as caught:
        domain_e_values(table, parse_hits(stockholm, "GMKT"))
    assert words in str(caught.value)


def test_programs_that_fail_and_databases_of_another_kind(tmp_path, alignment):
    (tmp_path / "seqres.txt").write_text(">1abc_A\n1&\n")
    target = open_database(tmp_path / "seqres.txt")
    with pytest.raises(TargetError, match="hmmsearch"):
        HmmSearchProgram(target=target, threads=1).search(alignment)
    with pytest.raises(InputError, match="an HH-suite database for hhsearch"):
        HHsearch(targets=(target,))
    with pytest.raises(InputError, match="--data-dir"):
        HHsearch(targets=())


def test_as_many_e_values_as_hits(tmp_path):
    (tmp_path / "seqres.txt").write_text(">1abc_A\nWWW\n")
    engine = HmmSearchProgram(target=open_database(tmp_path / "seqres.txt"), e_value=1e-9, threads=1)
    record = engine.search(
        Alignment(sequences=(QUERY,), deletion_matrix=np.zeros((1, len(QUERY)), int), descriptions=("q",))
    ).record
    with pytest.raises(InputError, match="0 E-values"):
        StructureHits(hits=(), e_values=(1.0,), text="", record=record)
