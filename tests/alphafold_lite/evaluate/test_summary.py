from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.evaluate.scores import score_chain
from alphafold_lite.evaluate.summary import calibration_table, summarise, table_lines
from tests.support.structure_pairs import reference_chain, waved


@pytest.fixture(scope="module")
def scores():
    """Eight predictions of one chain, the worse the less confident, in a cluster of its own each."""
    chain = reference_chain("4i6p_A")
    made = []
    for number in range(8):
        wave = waved(np.zeros((len(chain.sequence), 3)), 0.5 * number)[:, None].astype(np.float32)
        model = chain.protein.with_positions(chain.atom37_positions + wave)
        plddt = np.full(len(chain.sequence), 95 - 9 * number, np.float32)
        made.append(score_chain(model, plddt, replace(chain, id=f"c{number}", cluster=number)))
    return made


def test_figures_have_mean_median_interval_and_n(scores):
    figure = summarise(scores, seed=0)["lddt_ca"]
    values = [chain.lddt_ca for chain in scores]
    assert figure["mean"] == pytest.approx(np.mean(values), abs=1e-4)
    assert figure["median"] == pytest.approx(np.median(values), abs=1e-4)
    assert min(values) <= figure["low"] < figure["mean"] < figure["high"] <= max(values)
    assert (figure["n"], figure["of"]) == (8, "chains")


def test_every_figure_has_n_and_an_interval(scores):
    figures = summarise(scores, seed=0)
    assert {"lddt_ca", "tm", "gdt_ts", "rmsd_ca", "plddt", "plddt_lddt_r_chain", "plddt_lddt_r_residue"} <= set(figures)
    assert {"clashes_per_100_residues", "chain_breaks", "ramachandran_favoured", "chi1", "chi1_buried"} <= set(figures)
    for figure in figures.values():
        assert {"mean", "low", "high", "n", "of"} <= set(figure)
        assert figure["low"] <= figure["mean"] <= figure["high"]
        assert figure["n"] > 0


def test_correlation_by_chain(scores):
    figure = summarise(scores, seed=0)["plddt_lddt_r_chain"]
    expected = np.corrcoef([chain.plddt for chain in scores], [chain.lddt_ca for chain in scores])[0, 1]
    assert figure["mean"] == pytest.approx(expected, abs=1e-4)
    assert figure["mean"] > 0.9


def test_residue_figures_count_residues(scores):
    figures = summarise(scores, seed=0)
    assert figures["plddt_lddt_r_residue"]["n"] == sum(len(chain.residue_lddt) for chain in scores)
    assert figures["chi1"]["n"] == sum(chain.chi1.num_residues for chain in scores)
    assert figures["chain_breaks"]["of"] == "links"


def test_the_table_adds_up(scores):
    rows = calibration_table(scores, seed=0)
    assert [row["lower"] for row in rows] == pytest.approx(np.arange(10) / 10)
    assert sum(row["n"] for row in rows) == sum(len(chain.residue_lddt) for chain in scores)


def test_nothing_yet():
    figures = summarise([], seed=0)
    assert figures["lddt_ca"] == {"mean": None, "median": None, "low": None, "high": None, "n": 0, "of": "chains"}
    assert len(calibration_table([], seed=0)) == 10
    assert len(table_lines(figures)) == len(figures) + 1


def test_the_seed_decides_the_interval(scores):
    assert summarise(scores, seed=1) == summarise(scores, seed=1)
    assert summarise(scores, seed=1)["tm"] != summarise(scores, seed=2)["tm"]
