from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.evaluate.scores import score_chain
from alphafold_lite.training.chains import ChainSet
from tests.support.packed_sets import backbone_arrays, write
from tests.support.structure_pairs import reference_chain, waved


@pytest.fixture(scope="module")
def chain():
    return reference_chain("4i6p_A")


def confident(chain):
    return np.full(len(chain.sequence), 90.0, np.float32)


def test_a_chain_against_itself(chain):
    scores = score_chain(chain.protein, confident(chain), chain)
    assert scores.lddt_ca == pytest.approx(1)
    assert scores.superposition.tm == pytest.approx(1)
    assert scores.superposition.gdt_ts == 1
    assert scores.rmsd_ca == pytest.approx(0, abs=1e-4)
    assert scores.plddt == pytest.approx(0.9)
    assert scores.num_breaks == 0
    entry = scores.to_json_dict()
    assert entry["chi1"] == entry["chi1_buried"] == 1
    assert entry["ramachandran_favoured"] > 0.95
    assert entry["id"] == "4i6p_A" and entry["length"] == len(chain.sequence)


def test_a_shaken_chain_scores_less(chain):
    shaken = chain.protein.with_positions(
        chain.atom37_positions + waved(np.zeros((len(chain.sequence), 3)), 3)[:, None].astype(np.float32)
    )
    scores = score_chain(shaken, confident(chain), chain)
    assert 0.2 < scores.lddt_ca < 0.95
    assert 0.2 < scores.superposition.tm < 0.95
    assert 1 < scores.rmsd_ca < 10
    assert len(scores.residue_lddt) == len(scores.residue_plddt) == len(chain.sequence)


def test_residues_unknown_in_the_native_do_not_count(chain):
    mask = chain.atom37_mask.copy()
    mask[:30] = 0
    partly = replace(chain, atom37_mask=mask)
    spoiled = chain.atom37_positions.copy()
    spoiled[:30] += 500
    scores = score_chain(chain.protein.with_positions(spoiled), confident(chain), partly)
    assert scores.superposition.tm == pytest.approx(1)
    assert scores.lddt_ca == pytest.approx(1)
    assert len(scores.residue_lddt) == len(chain.sequence) - 30


def test_residues_without_a_prediction_count_against_it(chain):
    mask = chain.atom37_mask.copy()
    mask[:30] = 0
    scores = score_chain(replace(chain.protein, atom_mask=mask), confident(chain), chain)
    assert scores.superposition.tm == pytest.approx(1 - 30 / len(chain.sequence))


def test_backbone_natives_say_nothing_about_side_chains(tmp_path, chain):
    backbone = ChainSet.open(write(tmp_path / "set.npz", backbone_arrays()))[0]
    entry = score_chain(backbone.protein, confident(backbone), backbone).to_json_dict()
    assert entry["chi1"] is None and entry["chi1_buried"] is None
    assert entry["tm"] == 1
