from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.evaluate.inputs import chain_features, choose_source, draw
from alphafold_lite.training.chains import ChainSet
from data_pipeline.pipeline import build_features
from data_pipeline.sampling import SamplingConfig, sample
from tests.support.packed_sets import allatom_arrays, backbone_arrays, write

CONFIG = SamplingConfig()


@pytest.fixture
def chains(tmp_path):
    return list(ChainSet.open(write(tmp_path / "set.npz", backbone_arrays())))


def with_alignment(chain, path):
    path.write_text(
        f">{chain.id}\n{chain.sequence}\n>other\n{chain.sequence[::-1]}\n>third\n{'-' * len(chain.sequence)}\n"
    )
    return replace(chain, alignment=path)


def test_auto_takes_the_best_that_every_chain_has(chains, tmp_path):
    bare = [replace(chain, profile=None) for chain in chains]
    aligned = [with_alignment(chain, tmp_path / f"{chain.id}.a3m") for chain in bare]
    assert choose_source("auto", chains) == "profile"
    assert choose_source("auto", aligned) == "msa"
    assert choose_source("auto", [*aligned[:2], bare[2]]) == "single"
    assert choose_source("single", chains) == "single"


def test_inputs_that_a_chain_does_not_have_are_refused(chains):
    with pytest.raises(InputError, match="alignment.*1AAA_A"):
        choose_source("msa", chains)
    with pytest.raises(InputError, match="profile.*2BBB_B"):
        choose_source("profile", [chains[0], replace(chains[1], profile=None)])


def test_single_is_what_predict_gives_the_network(chains):
    chain = chains[0]
    ours = draw(
        chain_features(chain, "single", own_template=False), chain, "single", CONFIG, np.random.default_rng((3, 0))
    )
    theirs = sample(build_features(chain.sequence, name="x"), CONFIG, np.random.default_rng((3, 0)))
    for name in theirs.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_profile_replaces_the_cluster_profile_of_the_first_row_and_nothing_else(chains):
    chain = chains[0]
    features = chain_features(chain, "profile", own_template=False)
    ours = draw(features, chain, "profile", CONFIG, np.random.default_rng(1))
    single = draw(features, chain, "single", CONFIG, np.random.default_rng(1))
    np.testing.assert_array_equal(ours.cluster_profile[0, :, :20], chain.profile)
    assert not ours.cluster_profile[0, :, 20:].any()
    assert (single.cluster_profile[0] != ours.cluster_profile[0]).any()
    for name in set(ours.__dataclass_fields__) - {"cluster_profile"}:
        np.testing.assert_array_equal(getattr(ours, name), getattr(single, name))


def test_msa_reads_the_alignment(chains, tmp_path):
    chain = with_alignment(chains[1], tmp_path / "x.a3m")
    features = chain_features(chain, "msa", own_template=False)
    assert features.msa.shape == (3, len(chain.sequence))
    assert features.msa[1].tolist() == features.msa[0][::-1].tolist()


def test_an_alignment_of_another_chain_is_refused(chains, tmp_path):
    chain = replace(chains[0], alignment=with_alignment(chains[1], tmp_path / "x.a3m").alignment)
    with pytest.raises(InputError):
        chain_features(chain, "msa", own_template=False)


def test_own_template_is_the_chains_structure(tmp_path):
    chain = ChainSet.open(write(tmp_path / "set.npz", allatom_arrays()))[2]
    features = chain_features(chain, "single", own_template=True)
    assert features.templates.names == (chain.id,)
    np.testing.assert_array_equal(features.templates.atom_positions[0], chain.atom37_positions)
    np.testing.assert_array_equal(features.templates.atom_mask[0], chain.atom37_mask)
    np.testing.assert_array_equal(features.templates.aatype[0], chain.aatype)
    assert features.residue_index.tolist() == chain.residue_index.tolist()
    assert chain_features(chain, "single", own_template=False).templates is None
