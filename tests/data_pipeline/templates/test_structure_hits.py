"""Hits on PDB chains: found in their structures, realigned where the sequence differs, refused with a reason."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.hhr import TemplateHit
from data_pipeline.parsers.stockholm import parse_stockholm
from data_pipeline.search.base import Query
from data_pipeline.templates.selection import TemplateConfig
from data_pipeline.templates.structure_hits import from_hhr, from_hmmsearch
from tests.support.template_sources import Entries, structure

QUERY = Query(name="q", sequence="MKTAYIAKQRQISFVKSHFSRQLEERLGLI")
CHAIN = "GSHMKSAYLAKQRNISYVKGHFTRQLEEKLGA"
CONFIG = TemplateConfig()


def hit(
    name="1ABC_A title", query=QUERY.sequence[2:22], letters=CHAIN[5:25], first=2, start=5, **changes
) -> TemplateHit:
    """An alignment of two strings with '-' for gaps."""

    def numbers(row: str, number: int) -> tuple[int, ...]:
        found = []
        for letter in row:
            found.append(-1 if letter == "-" else number)
            number += letter != "-"
        return tuple(found)

    pairs = sum(a != "-" != b for a, b in zip(query, letters, strict=True))
    made = TemplateHit(
        index=1,
        name=name,
        aligned_cols=pairs,
        sum_probs=8.0,
        query=query,
        hit_sequence=letters,
        indices_query=numbers(query, first),
        indices_hit=numbers(letters, start),
    )
    return replace(made, **changes)


def run(*hits: TemplateHit, structures=None, config=CONFIG, **more):
    entries = Entries.of(structure("1abc", {"A": CHAIN})) if structures is None else structures
    return from_hhr(QUERY, hits, entries, config, **more)


def reason(selection) -> str:
    (outcome,) = selection.outcomes
    return "used" if outcome.used else outcome.reason


def assert_placed(selection, entries: Entries, entry: str, chain: int, offset: int) -> None:
    """Residues 2-21 of the query have the atoms of the chain's residues `offset` and on."""
    features, source = selection.features, entries.found[entry].chains[chain]
    assert features is not None
    np.testing.assert_array_equal(features.atom_positions[0, 2:22], source.atom_positions[offset : offset + 20])
    assert not features.atom_mask[0, :2].any() and not features.atom_mask[0, 22:].any()


def test_the_stretch_is_found_in_the_named_chain():
    entries = Entries.of(structure("1abc", {"B": "G" + CHAIN, "A": CHAIN}))
    selection = run(hit(), structures=entries, e_values=[2e-20])
    assert_placed(selection, entries, "1abc", 1, 5)
    assert selection.features.names == ("1abc_A",) and selection.features.sum_probs.tolist() == [8.0]
    assert selection.outcomes[0].e_value == 2e-20 and selection.outcomes[0].date == date(2010, 1, 1)


def test_a_repeat_is_found_where_the_hit_says_or_else_at_its_first_place():
    entries = Entries.of(structure("1abc", {"A": CHAIN + CHAIN}))
    for start, offset in ((5, 5), (5 + len(CHAIN), 5 + len(CHAIN)), (11, 5)):
        assert_placed(run(hit(start=start), structures=entries), entries, "1abc", 0, offset)


def test_another_chain_has_it():
    entries = Entries.of(structure("1abc", {"A": "GSGSGSGSGSGSGSGSGSGSGS", "C": "M" + CHAIN}))
    assert_placed(run(hit(), structures=entries), entries, "1abc", 1, 6)


def test_unknown_letters_in_the_structure():
    masked = CHAIN[:10] + "X" + CHAIN[11:]
    entries = Entries.of(structure("1abc", {"A": masked}))
    selection = run(hit(), structures=entries)
    assert_placed(selection, entries, "1abc", 0, 5)
    assert selection.features.aatype[0, 7] == "ARNDCQEGHILKMFPSTWYV".index(CHAIN[10])  # the hit knows the letter


def test_realigned_where_the_sequence_differs():
    """One residue more, one other letter: letters and atoms are those of the structure."""
    other = CHAIN[:15] + "W" + CHAIN[15:20] + "P" + CHAIN[21:]
    entries = Entries.of(structure("1abc", {"A": other}))
    selection = run(hit(), structures=entries)
    features, source = selection.features, entries.found["1abc"].chains[0]
    assert features is not None
    np.testing.assert_array_equal(features.atom_positions[0, 2:12], source.atom_positions[5:15])
    np.testing.assert_array_equal(features.atom_positions[0, 12:22], source.atom_positions[16:26])
    assert features.aatype[0, 17] == "ARNDCQEGHILKMFPSTWYV".index("P")


def test_realigned_on_the_only_chain_when_the_name_is_another():
    entries = Entries.of(structure("1abc", {"Z": CHAIN[:8] + "W" + CHAIN[9:]}))
    assert_placed(run(hit(), structures=entries), entries, "1abc", 0, 5)


def test_residues_that_the_structure_lacks_are_left_out():
    shorter = CHAIN[:14] + CHAIN[16:]
    entries = Entries.of(structure("1abc", {"A": shorter}))
    features = run(hit(), structures=entries).features
    assert features is not None
    assert np.flatnonzero(~features.atom_mask[0, 2:22].any(-1)).tolist() == [9, 10]


def test_gaps_in_both_rows():
    query = QUERY.sequence[2:10] + "--" + QUERY.sequence[10:20]
    letters = CHAIN[5:9] + "---" + CHAIN[9:22]
    entries = Entries.of(structure("1abc", {"A": CHAIN}))
    features = run(hit(query=query, letters=letters), structures=entries).features
    source = entries.found["1abc"].chains[0]
    assert features is not None
    np.testing.assert_array_equal(features.atom_positions[0, 2:6], source.atom_positions[5:9])
    assert not features.atom_mask[0, 6:9].any()
    np.testing.assert_array_equal(features.atom_positions[0, 9], source.atom_positions[9])
    np.testing.assert_array_equal(features.atom_positions[0, 10:20], source.atom_positions[12:22])


BARE = replace(structure("1abc", {"A": CHAIN}).chains[0], atom_mask=np.zeros((len(CHAIN), 37), np.float32))
UNREADABLE = "cannot be read"


class Broken(Entries):
    """A source whose file is damaged."""

    def read(self, entry):
        raise InputError("an mmCIF file in 1abc.cif", "damage", UNREADABLE)


@pytest.mark.parametrize(
    ("made", "structures", "want"),
    [
        (hit(name="Q9XYZ1 something"), None, "its name gives no PDB entry and chain"),
        (hit(name=""), None, "its name gives no PDB entry and chain"),
        (hit(name="../../etc_A"), None, "its name gives no PDB entry and chain"),
        (hit(name="2xyz_A"), None, "no structure file"),
        (hit(), Broken({}, []), UNREADABLE),
        (hit(), Entries.of(structure("1abc", {})), "no protein chain in the structure"),
        (hit(), Entries.of(structure("1abc", {"B": "G" * 30, "C": "S" * 30})), "no chain A in the structure"),
        (hit(), Entries.of(structure("1abc", {"A": "GSGSG" * 6})), "of the hit's residues are those of the structure"),
        (hit(), Entries.of(replace(structure("1abc", {}), chains=(BARE,))), "no atoms at the aligned residues"),
        (hit(), Entries.of(structure("1abc", {"A": CHAIN}, spread=200.0)), "more than 150 Å apart"),
    ],
)
def test_hits_that_are_not_usable(made, structures, want):
    selection = run(made, structures=structures)
    assert selection.features is None
    assert want in reason(selection)


def test_the_prefilter_comes_before_the_structure():
    entries = Entries.of(structure("1abc", {"A": CHAIN}))
    assert "residues" in reason(run(hit(query=QUERY.sequence[2:11], letters=CHAIN[5:14]), structures=entries))
    assert entries.asked == []


def test_dates_of_structures():
    late = Entries.of(structure("1abc", {"A": CHAIN}, released=date(2020, 1, 1)))
    config = TemplateConfig(max_date=date(2019, 12, 31))
    assert "released on 2020-01-01" in reason(run(hit(), structures=late, config=config))
    undated = Entries.of(structure("1abc", {"A": CHAIN}, released=None))
    assert "not known" in reason(run(hit(), structures=undated, config=config))
    assert reason(run(hit(), structures=undated, config=replace(config, allow_undated=True))) == "used"


def test_hits_are_ranked_by_expected_right_residues():
    entries = Entries.of(*(structure(entry, {"A": CHAIN}) for entry in ("1aaa", "2bbb", "3ccc")))
    found = [hit(name=f"{entry}_A", sum_probs=score) for entry, score in (("1aaa", 5.0), ("2bbb", 9.0), ("3ccc", 5.0))]
    selection = run(*found, structures=entries)
    assert selection.features is not None and selection.features.names == ("2bbb_A", "1aaa_A", "3ccc_A")


def test_hits_of_another_query_are_an_error():
    with pytest.raises(InputError, match="hits of q"):
        run(hit(query="W" * 20))
    with pytest.raises(InputError, match="no residue"):
        run(hit(query=QUERY.sequence[12:] + "AA", first=12))
    with pytest.raises(InputError, match="E-values"):
        run(hit(), e_values=[1.0, 2.0])


def test_a_query_with_unknown_residues():
    query = Query(name="q", sequence="MKXAYIXKQRQISFVKSHFSRQLEERLGLI")
    entries = Entries.of(structure("1abc", {"A": CHAIN}))
    selection = from_hhr(query, [hit()], entries, CONFIG)  # the search saw the letters
    assert_placed(selection, entries, "1abc", 0, 5)
    assert selection.outcomes[0].identity < run(hit()).outcomes[0].identity


STOCKHOLM = f"""# STOCKHOLM 1.0
q             {QUERY.sequence[:12]}..{QUERY.sequence[12:]}
1abc_A/6-27   --{CHAIN[5:15]}wy{CHAIN[17:27]}--------
1abc_A        --{CHAIN[5:15]}wy{CHAIN[17:27]}--------
2xyz_BB/1-12  {CHAIN[:12]}--------------------
//
"""


def test_rows_of_hmmsearch():
    """Residues between two columns are counted, though their letters are not kept; ranges in names say where a row begins."""
    chain = CHAIN[:15] + "WY" + CHAIN[17:]
    entries = Entries.of(structure("1abc", {"A": chain}), structure("2xyz", {"BB": chain + chain}))
    alignment = parse_stockholm(STOCKHOLM)
    selection = from_hmmsearch(QUERY, alignment, entries, CONFIG, e_values=[1e-9, 1e-8, 1e-7])
    features, source = selection.features, entries.found["1abc"].chains[0]
    assert features is not None and features.names == ("1abc_A", "1abc_A", "2xyz_BB")
    for row in (0, 1):
        np.testing.assert_array_equal(features.atom_positions[row, 2:12], source.atom_positions[5:15])
        np.testing.assert_array_equal(features.atom_positions[row, 12:22], source.atom_positions[17:27])
    np.testing.assert_array_equal(features.e_value, [1e-9, 1e-8, 1e-7])
    assert {outcome.source for outcome in selection.outcomes} == {"hmmsearch"}
    same = [a == b for a, b in zip(QUERY.sequence[2:22], CHAIN[5:15] + CHAIN[17:27], strict=True)]
    assert selection.outcomes[0].identity == pytest.approx(np.mean(same))


def test_hmmsearch_hits_keep_their_order():
    entries = Entries.of(structure("1aaa", {"A": CHAIN}), structure("2bbb", {"A": CHAIN}))
    hits = [hit(name="1aaa_A", sum_probs=0.0), hit(name="2bbb_A", sum_probs=9.0)]
    selection = from_hmmsearch(QUERY, hits, entries, CONFIG)
    assert selection.features is not None and selection.features.names == ("1aaa_A", "2bbb_A")


def test_rows_below_another_query_are_an_error():
    with pytest.raises(InputError, match="hits of other"):
        from_hmmsearch(Query(name="other", sequence="W" * 30), parse_stockholm(STOCKHOLM), Entries({}, []), CONFIG)
