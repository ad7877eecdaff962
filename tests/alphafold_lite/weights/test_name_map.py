"""The maps account for every official and every OpenFold name, at official size, from the presets alone."""

from dataclasses import replace

import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.model.config import ModelConfig, TemplateConfig
from alphafold_lite.presets import model_config, official_names
from alphafold_lite.weights.convert import official_layout, openfold_layout
from alphafold_lite.weights.name_map import MODULES, model_rules, rules_for
from alphafold_lite.weights.openfold_map import openfold_rules


@pytest.mark.parametrize("name", ["model_1", "model_3", "model_1_ptm", "model_3_ptm"])
def test_official_names_and_shapes(name, layouts):
    assert official_layout(model_config(name)) == layouts[name]


def test_all_ten_official_models_are_one_of_these_four(layouts):
    assert set(official_names()) == set(layouts)
    like = {"1": "1", "2": "1", "3": "3", "4": "3", "5": "3"}
    for name in official_names():
        twin = name.replace(name[6], like[name[6]], 1)
        assert model_config(name) == model_config(twin)
        assert layouts[name] == layouts[twin]


@pytest.mark.parametrize("name", ["model_1", "model_3", "model_1_ptm", "model_3_ptm"])
def test_openfold_names_and_shapes(name, openfold_layouts):
    assert openfold_layout(model_config(name)) == openfold_layouts[name]


@pytest.mark.parametrize("rules", [model_rules, openfold_rules])
def test_no_name_twice(rules):
    table = rules(model_config("model_1_ptm"))
    assert len({r.foreign for r in table}) == len({r.ours for r in table}) == len(table)


def test_every_kind_of_module_has_a_scope_of_its_own():
    for kind in MODULES:
        rules = rules_for(kind, "some_scope")
        assert rules and all(r.foreign.startswith("some_scope/") for r in rules)


def test_unknown_kind():
    with pytest.raises(InputError, match="row_attention"):
        rules_for("rows", "x")


FULL = ModelConfig()


@pytest.mark.parametrize(
    "config",
    [
        replace(FULL, evoformer=replace(FULL.evoformer, triangle_multiplication=False)),
        replace(FULL, extra_msa=replace(FULL.extra_msa, triangle_attention_every=2)),
        replace(FULL, structure=replace(FULL.structure, pair_bias=False)),
        replace(FULL, structure=replace(FULL.structure, points=False)),
        replace(FULL, template=replace(TemplateConfig(), triangle_attention=False)),
    ],
)
@pytest.mark.parametrize("rules", [model_rules, openfold_rules])
def test_networks_with_parts_left_out_have_no_foreign_layout(rules, config):
    with pytest.raises(InputError, match="leaves some out"):
        rules(config)
