"""Library chains end up where the alignment says, with CB at its ideal place."""

from datetime import date

import numpy as np
import pytest

from alphafold_lite.common import residue_constants as rc
from data_pipeline.search.base import Query
from data_pipeline.templates.library_hits import from_library
from data_pipeline.templates.selection import TemplateConfig
from tests.support.template_sources import ChainLibrary

QUERY = Query(name="q", sequence="ACDEFGHIKLMNPQRSTVWY")
CHAIN = "GGACDFGHIKLLMNPQRSTV"
PAIRS = [(0, 2), (1, 3), (2, 4), (4, 5), (5, 6), (6, 7), (7, 8), (8, 9), (9, 10), (10, 12), (11, 13), (12, 14)]
LIBRARY = ChainLibrary.of({"1AAA_A": CHAIN, "2BBB_B": CHAIN}, {"2BBB_B": date(2015, 6, 1)})
N, CA, C, O, CB = (rc.atom_order[name] for name in ("N", "CA", "C", "O", "CB"))


def test_atoms_letters_and_scores():
    selection = from_library(QUERY, [LIBRARY.hit("1AAA_A", PAIRS, e_value=1e-120)], LIBRARY, TemplateConfig())
    features = selection.features
    assert features is not None and features.names == ("1AAA_A",)
    aligned = dict(PAIRS)
    for place in range(len(QUERY.sequence)):
        if place not in aligned:
            assert features.aatype[0, place] == 21 and not features.atom_mask[0, place].any()
            assert not features.atom_positions[0, place].any()
            continue
        letter, backbone = CHAIN[aligned[place]], LIBRARY.backbone(0)[aligned[place]]
        assert features.aatype[0, place] == rc.restypes.index(letter)
        np.testing.assert_array_equal(features.atom_positions[0, place, [N, CA, C, O]], backbone)
        wanted = {N, CA, C, O} | (set() if letter == "G" else {CB})
        assert set(np.flatnonzero(features.atom_mask[0, place])) == wanted
    (outcome,) = selection.outcomes
    same = [QUERY.sequence[q] == CHAIN[c] for q, c in PAIRS]
    assert outcome.identity == pytest.approx(np.mean(same)) and outcome.coverage == len(PAIRS) / len(QUERY.sequence)
    assert outcome.used and outcome.source == "library" and outcome.e_value == 1e-120
    assert features.e_value is not None and features.e_value.tolist() == [1e-120]


def test_beta_carbons_are_where_the_ideal_residue_has_them():
    """Distances to N, CA and C, and the hand, are those of the ideal geometry, for a backbone in that geometry."""
    features = from_library(QUERY, [LIBRARY.hit("1AAA_A", PAIRS)], LIBRARY, TemplateConfig()).features
    assert features is not None
    for place, chain_place in PAIRS:
        kind = rc.restypes.index(CHAIN[chain_place])
        if CHAIN[chain_place] == "G":
            continue
        n, ca, c, cb = (features.atom_positions[0, place, atom].astype(float) for atom in (N, CA, C, CB))
        x = (c - ca) / np.linalg.norm(c - ca)
        y = (n - ca) - x * np.dot(x, n - ca)
        y /= np.linalg.norm(y)
        local = np.array([np.dot(cb - ca, axis) for axis in (x, y, np.cross(x, y))])
        np.testing.assert_allclose(local, rc.restype_atom37_rigid_group_positions[kind, CB], atol=1e-5)


def test_undated_chains_and_the_date_limit():
    hits = [LIBRARY.hit("1AAA_A", PAIRS), LIBRARY.hit("2BBB_B", PAIRS)]
    for limit, allow, used in (
        (None, False, [True, True]),
        (date(2020, 1, 1), False, [False, True]),
        (date(2020, 1, 1), True, [True, True]),
        (date(2000, 1, 1), False, [False, False]),
        (date(2000, 1, 1), True, [True, False]),
    ):
        selection = from_library(QUERY, hits, LIBRARY, TemplateConfig(max_date=limit, allow_undated=allow))
        assert [outcome.used for outcome in selection.outcomes] == used
    assert selection.outcomes[1].date == date(2015, 6, 1)


def test_the_query_itself_is_not_used():
    query = Query(name="q", sequence=CHAIN)
    pairs = [(place, place) for place in range(len(CHAIN))]
    (outcome,) = from_library(query, [LIBRARY.hit("1AAA_A", pairs)], LIBRARY, TemplateConfig()).outcomes
    assert (outcome.used, outcome.reason, outcome.identity) == (False, "the query itself", 1.0)


def test_atoms_that_are_not_known():
    library = ChainLibrary.of({"1AAA_A": CHAIN})
    library.backbones[0][2:5, 3] = np.nan
    features = from_library(QUERY, [library.hit("1AAA_A", PAIRS)], library, TemplateConfig()).features
    assert features is not None and np.isfinite(features.atom_positions).all()
    assert features.atom_mask[0, :3, O].tolist() == [0, 0, 0]
    library.backbones[0][:] = np.nan
    selection = from_library(QUERY, [library.hit("1AAA_A", PAIRS)], library, TemplateConfig())
    assert selection.outcomes[0].reason == "no atoms at the aligned residues"
    assert from_library(QUERY, [], library, TemplateConfig()).features is None
