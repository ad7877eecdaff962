"""Which candidates are used and why others are not; putting sources together; templates.json."""

import json
from collections import Counter
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError, TargetError
from data_pipeline.search.base import Query
from data_pipeline.templates.features import Placement
from data_pipeline.templates.selection import (
    NotUsable,
    TemplateConfig,
    TemplateSelection,
    combine,
    read_outcomes,
    select,
)
from tests.support.template_sources import candidate

QUERY = Query(name="q", sequence="MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ" * 3)
OTHER = "MKSAYLAKQRNISYVKGHFTRQ"


def placed(found, released=date(2010, 1, 1)):
    pairs = len(found.query_index)
    return Placement(
        query_index=found.query_index,
        letters="".join(found.hit_sequence[place] for place in found.hit_index),
        positions=np.ones((pairs, 37, 3), np.float32),
        mask=np.ones((pairs, 37), np.float32),
        date=released,
    )


def chosen(*candidates, **settings) -> TemplateSelection:
    return select(QUERY, candidates, placed, TemplateConfig(**settings))


def reasons(selection: TemplateSelection) -> list[str]:
    return ["used" if outcome.used else outcome.reason for outcome in selection.outcomes]


def test_features_of_used_candidates_in_their_order():
    first = candidate(QUERY, "1aaa_A", OTHER, first=5, e_value=1e-80, sum_probs=12.5)
    second = candidate(QUERY, "2bbb_B", "ACDEFGHIKLMNPQRS")
    features = chosen(first, second).features
    assert features is not None and features.names == ("1aaa_A", "2bbb_B")
    assert features.aatype[0, 5 : 5 + len(OTHER)].tolist() == ["ARNDCQEGHILKMFPSTWYV".index(letter) for letter in OTHER]
    covered = np.zeros(len(QUERY.sequence), bool)
    covered[5 : 5 + len(OTHER)] = True
    assert (features.aatype[0, ~covered] == 21).all()
    np.testing.assert_array_equal(features.atom_mask[0].all(-1), covered)
    np.testing.assert_array_equal(features.atom_positions[0].any((-1, -2)), covered)
    assert features.sum_probs.tolist() == [12.5, 0.0]
    assert features.e_value is not None and features.e_value[0] == 1e-80 and np.isnan(features.e_value[1])
    assert features.coverage is not None and features.coverage[0] == pytest.approx(len(OTHER) / len(QUERY.sequence))
    same = np.mean([a == b for a, b in zip(OTHER, QUERY.sequence[5:], strict=False)])
    assert features.identity is not None and features.identity[0] == pytest.approx(same)


def test_letters_beyond_the_twenty():
    features = chosen(candidate(QUERY, "1aaa_A", "BZUJOXACDEFG")).features
    assert features is not None
    assert features.aatype[0, :6].tolist() == [3, 6, 4, 20, 20, 20]


def test_unknown_letters_are_not_equal():
    query = Query(name="x", sequence="X" * 5 + OTHER)
    selection = select(query, [candidate(query, "1aaa_A", "X" * 5 + OTHER[:10])], placed, TemplateConfig())
    assert selection.features is not None
    assert selection.outcomes[0].identity == pytest.approx(10 / 15)
    assert selection.features.aatype[0, :5].tolist() == [20] * 5


def test_prefilter():
    """The bounds of AlphaFold: more than a tenth aligned, ten residues, not the query itself."""
    length = len(QUERY.sequence)
    tenth = candidate(QUERY, "1aaa_A", "ACDEFGHIKA"[: length // 10] + "M" * 20)
    tenth = replace(tenth, query_index=tenth.query_index[:9], hit_index=tenth.hit_index[:9])
    short_query = Query(name="s", sequence=OTHER)
    assert 9 <= 0.1 * length < 10
    found = reasons(
        chosen(
            tenth,
            replace(tenth, query_index=np.arange(10), hit_index=np.arange(10)),
            candidate(QUERY, "2bbb_A", QUERY.sequence),
            candidate(QUERY, "3ccc_A", QUERY.sequence[: int(0.95 * length) + 1]),
            candidate(QUERY, "4ddd_A", QUERY.sequence[: int(0.95 * length)]),
        )
    )
    assert found == [
        "aligned to 9% of the query, and more than 10% are needed",
        "used",
        *["the query itself"] * 2,
        "used",
    ]
    short = select(short_query, [candidate(short_query, "1aaa_A", "ACDEFGHIK")], placed, TemplateConfig())
    assert reasons(short) == ["9 residues, and at least 10 are needed"]


def test_enough_is_enough_and_only_some_structures_are_looked_at():
    many = [candidate(QUERY, f"1aa{n}_A", OTHER) for n in range(6)]
    selection = chosen(*many)
    assert reasons(selection) == ["used"] * 4 + ["4 better templates are used"] * 2
    seen = []

    def never(found):
        seen.append(found.name)
        raise NotUsable("no structure file")

    refused = select(QUERY, many, never, TemplateConfig(max_candidates=3))
    assert seen == ["1aa0_A", "1aa1_A", "1aa2_A"]
    assert reasons(refused) == ["no structure file"] * 3 + ["3 better hits were looked at"] * 3
    assert refused.features is None


def test_dates():
    limit = date(2018, 4, 30)
    for released, allow, want in (
        (date(2018, 4, 30), False, "used"),
        (date(2018, 5, 1), False, "released on 2018-05-01, after 2018-04-30"),
        (date(2018, 5, 1), True, "released on 2018-05-01, after 2018-04-30"),
        (None, False, "its release date is not known"),
        (None, True, "used"),
    ):
        config = TemplateConfig(max_date=limit, allow_undated=allow)
        found = select(QUERY, [candidate(QUERY, "1aaa_A", OTHER)], lambda c, d=released: placed(c, d), config)
        assert reasons(found) == [want]
        assert found.outcomes[0].date == released
    undated = select(QUERY, [candidate(QUERY, "1aaa_A", OTHER)], lambda c: placed(c, None), TemplateConfig())
    assert reasons(undated) == ["used"]


@pytest.mark.parametrize("settings", [{"max_templates": 0}, {"max_candidates": 0}])
def test_settings_that_select_nothing(settings):
    with pytest.raises(InputError, match="at least one"):
        TemplateConfig(**settings)


def test_sources_are_put_together_in_order():
    user = chosen(candidate(QUERY, "mine_A", OTHER, source="user"))
    hits = chosen(*(candidate(QUERY, name, OTHER, e_value=1e-5) for name in ("1abc_A", "1abc_a", "2xyz_B")))
    library = chosen(*(candidate(QUERY, name, OTHER, source="library") for name in ("1ABC_A", "3DEF_C", "4GHI_D")))
    both = combine([user, hits, library], max_templates=5)
    assert both.features is not None
    assert both.features.names == ("mine_A", "1abc_A", "1abc_a", "2xyz_B", "3DEF_C")
    assert reasons(both)[4:] == ["the same chain is used already", "used", "5 better templates are used"]
    assert [outcome.name for outcome in both.outcomes if outcome.used] == list(both.features.names)
    np.testing.assert_array_equal(both.features.e_value, [np.nan, 1e-5, 1e-5, 1e-5, np.nan])
    assert both.features.aatype.shape == (5, len(QUERY.sequence))
    turned = combine([library, user], max_templates=2)
    assert turned.features is not None and turned.features.names == ("1ABC_A", "3DEF_C")
    nothing = combine([], max_templates=4)
    assert nothing.features is None and nothing.outcomes == ()


def test_combining_skips_candidates_that_were_not_used():
    selection = chosen(candidate(QUERY, "1aaa_A", QUERY.sequence), candidate(QUERY, "2bbb_B", OTHER))
    both = combine([selection], max_templates=4)
    assert both.features is not None and both.features.names == ("2bbb_B",)
    assert both.outcomes == selection.outcomes


def test_a_required_template():
    chosen(candidate(QUERY, "1aaa_A", OTHER)).require(QUERY)
    with pytest.raises(TargetError, match=r"q, found none of 2 hits \(the query itself\)"):
        chosen(*(candidate(QUERY, f"1aa{n}_A", QUERY.sequence) for n in range(2))).require(QUERY)
    with pytest.raises(TargetError, match="no hit"):
        chosen().require(QUERY)


def test_outcomes_come_back_from_json():
    selection = chosen(
        candidate(QUERY, "1aaa_A", OTHER, e_value=3e-7),
        candidate(QUERY, "2bbb_B", QUERY.sequence, source="library", date=date(2001, 2, 3)),
    )
    content = json.loads(json.dumps(selection.to_json_dict(), allow_nan=False))
    assert read_outcomes(content) == selection.outcomes
    assert Counter(row["used"] for row in content["templates"]) == {True: 1, False: 1}
    assert content["templates"][0]["date"] == "2010-01-01"


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        {"format": 2, "templates": []},
        {"format": 1, "templates": [{}]},
        {"format": 1, "templates": [{"name": "a", "source": "elsewhere", "date": None}]},
        {"format": 1, "templates": [{"name": "a", "source": "user", "date": None, "more": 1}]},
    ],
)
def test_foreign_json_is_an_error(content):
    with pytest.raises(InputError, match=r"templates\.json"):
        read_outcomes(content)
