"""A configuration is found from names and shapes alone."""

import json
from dataclasses import replace

import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.model.config import ModelConfig, StackConfig, StructureConfig, TemplateConfig
from alphafold_lite.parity.haiku_config import model_config as from_official_tree
from alphafold_lite.presets import model_config
from alphafold_lite.weights.convert import official_layout, openfold_layout
from alphafold_lite.weights.infer_config import infer_official, infer_openfold
from tests.support.reference import REFERENCE

ROW = "alphafold/alphafold_iteration/evoformer/evoformer_iteration/msa_row_attention_with_pair_bias//feat_2d_weights"
IPA = "alphafold/alphafold_iteration/structure_module/fold_iteration/invariant_point_attention"


@pytest.mark.parametrize("name", ["model_1", "model_2_ptm", "model_4", "model_5_ptm"])
def test_official_size(name, layouts):
    assert infer_official(layouts[name], ModelConfig()) == model_config(name)


@pytest.mark.parametrize("name", ["model_1", "model_1_ptm", "model_3", "model_3_ptm"])
def test_openfold_at_official_size(name, openfold_layouts):
    assert infer_openfold(openfold_layouts[name], ModelConfig()) == model_config(name)


@pytest.mark.parametrize("name", ["model_1_ptm", "model_3", "model_5_ptm"])
def test_recorded_models(name, recorded):
    tree = json.loads((REFERENCE / name / "config.json").read_text())["config"]
    wanted = from_official_tree(tree)
    # a base that differs in everything that shapes tell
    base = replace(
        wanted, msa_channels=1, pair_channels=1, evoformer=replace(wanted.evoformer, num_blocks=9, row_heads=1)
    )
    base = replace(base, template=wanted.template and replace(wanted.template, channels=1, attention_heads=1))
    shapes = {key: array.shape for key, array in recorded(name).items()}
    assert infer_official(shapes, base) == wanted


@pytest.fixture
def odd() -> ModelConfig:
    """Every number another one, so that none can stand in for another."""
    extra = StackConfig(
        num_blocks=2, row_heads=2, column_heads=5, starting_heads=7, ending_heads=2, outer_channels=3,
        outgoing_channels=9, incoming_channels=11, msa_transition_factor=3, pair_transition_factor=5, msa_dropout=0.0, pair_dropout=0.0,
    )  # fmt: skip
    return ModelConfig(
        msa_channels=24, pair_channels=28, extra_msa_channels=10, single_channels=18, max_relative=5,
        evoformer=replace(extra, num_blocks=3, row_heads=4, column_heads=6, starting_heads=2, ending_heads=4, msa_dropout=0.15,
            pair_dropout=0.25),
        extra_msa=extra,
        template=TemplateConfig(
            channels=12, num_blocks=1, starting_heads=3, starting_key_channels=6, ending_heads=2, ending_key_channels=8,
            outgoing_channels=5, incoming_channels=7, pair_transition_factor=3, attention_heads=2,
            attention_key_channels=8, attention_value_channels=10, embed_torsions=False,
        ),
        structure=StructureConfig(
            channels=20, num_heads=5, scalar_qk=2, scalar_v=3, point_qk=1, point_v=4, transition_layers=2,
            sidechain_channels=13, sidechain_blocks=3,
        ),
    )  # fmt: skip


def test_odd_sizes(odd):
    assert infer_official(official_layout(odd), ModelConfig()) == odd


def test_odd_sizes_of_openfold_but_for_heads_that_leave_no_trace(odd):
    assert odd.template is not None
    found = infer_openfold(openfold_layout(odd), ModelConfig())
    told = replace(
        odd, evoformer=replace(odd.evoformer, column_heads=8), template=replace(odd.template, attention_heads=4)
    )
    assert found == told
    assert infer_openfold(openfold_layout(odd), odd) == odd


@pytest.mark.parametrize(
    "damage",
    [
        {ROW: (48, 128)},
        {f"{IPA}/q_scalar//weights": (384, 191)},
        {f"{IPA}/kv_scalar//weights": (384, 192)},
        {f"{IPA}//trainable_point_weights": ()},
        {f"{IPA}//trainable_point_weights": (0,)},
    ],
)
def test_shapes_that_no_model_has(damage, layouts):
    with pytest.raises(InputError, match="AlphaFold 2 monomer"):
        config = infer_official({**layouts["model_1_ptm"], **damage}, ModelConfig())
        raise AssertionError(config)


def test_something_else():
    with pytest.raises(InputError, match="AlphaFold 2 monomer"):
        infer_official({"weight": (3, 3)}, ModelConfig())
    with pytest.raises(InputError, match="AlphaFold 2 monomer"):
        infer_openfold({}, ModelConfig())
