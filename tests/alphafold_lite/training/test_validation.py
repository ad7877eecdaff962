import numpy as np
import pytest
import torch

from alphafold_lite.training.config import samples_before
from alphafold_lite.training.validation import Scores, Validation, best_of, summarise
from tests.support.training_runs import gradients, open_sets, small_config


@pytest.fixture
def sets(tmp_path):
    return open_sets(tmp_path)


def test_one_chain_a_cluster_is_chosen_once_and_for_all(sets):
    config = small_config("validation.count=9")
    chosen = [crop.chain.id for crop in Validation(config, sets[:1]).crops]
    assert len(chosen) == 2 and "2BBB_B" in chosen  # two of the three chains are relatives
    assert chosen == [crop.chain.id for crop in Validation(config, sets[:1]).crops]


def test_related_chains_are_chosen_where_that_is_wanted(sets):
    config = small_config("validation.count=9", "validation.one_of_cluster=False")
    assert {crop.chain.id for crop in Validation(config, sets[:1]).crops} == {"1AAA_A", "2BBB_B", "3CCC_C"}


def test_scores_do_not_change_between_calls_and_leave_the_network_in_training(sets):
    config = small_config("validation.count=2", "validation.num_recycles=1")
    _, total = gradients(config)
    validation = Validation(config, sets[:1])
    first = validation.run(total.model, torch.device("cpu"))
    torch.rand(3)
    assert validation.run(total.model, torch.device("cpu")) == first
    assert {"lddt_ca", "tm", "rmsd_ca", "template_lddt_ca", "template_tm"} <= first.keys()
    assert all(np.isfinite(value) for value in first.values())
    assert total.model.training


def test_long_chains_are_cut_to_their_middle(sets):
    validation = Validation(small_config("validation.max_length=10"), sets)
    assert {crop.stop - crop.start for crop in validation.crops} == {10}


def test_summary_is_a_mean_over_chains_and_a_correlation_over_residues():
    scores = [
        Scores(lddt=0.4, tm=0.2, rmsd=6.0, residue_lddt=np.array([0.2, 0.6]), residue_plddt=np.array([0.3, 0.7])),
        Scores(lddt=0.8, tm=0.6, rmsd=2.0, residue_lddt=np.array([0.7, 0.9]), residue_plddt=np.array([0.8, 1.0])),
    ]
    found = summarise(scores)
    assert found == pytest.approx({"lddt_ca": 0.6, "tm": 0.4, "rmsd_ca": 4.0, "plddt_r": 1.0})
    assert best_of({**found, "template_tm": 0.8, "samples": samples_before(small_config(), 3)}) == pytest.approx(0.6)
