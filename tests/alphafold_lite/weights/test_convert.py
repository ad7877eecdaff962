"""Conversion keeps every bit, accounts for every name in both directions, and is all or nothing."""

import numpy as np
import pytest
import torch

from alphafold_lite.common.errors import InputError
from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.alphafold import build
from alphafold_lite.model.config import ModelConfig
from alphafold_lite.weights.accounts import LISTED
from alphafold_lite.weights.convert import (
    allocate,
    export_official,
    load_module,
    load_official,
    load_openfold,
    official_layout,
)
from alphafold_lite.weights.infer_config import infer_official
from alphafold_lite.weights.name_map import rules_for
from alphafold_lite.weights.openfold_file import read_openfold
from tests.support.reference import REFERENCE

OUTER = "alphafold/alphafold_iteration/evoformer/evoformer_iteration/outer_product_mean//output_w"
SMALL_OPENFOLD = REFERENCE / "openfold" / "model_1_ptm_small.pt"


@pytest.mark.parametrize("name", ["model_1_ptm", "model_3", "model_5_ptm"])
def test_export_gives_back_the_same_bytes(name, recorded):
    arrays = recorded(name)
    config = infer_official({key: array.shape for key, array in arrays.items()}, ModelConfig())
    model = allocate(config, reference())
    load_official(model, arrays)
    exported = export_official(model)
    assert exported.keys() == arrays.keys()
    for key, array in arrays.items():
        assert exported[key].dtype == array.dtype == np.float32
        assert exported[key].shape == array.shape
        assert exported[key].tobytes() == array.tobytes(), key
    assert official_layout(config) == {key: array.shape for key, array in arrays.items()}


def test_openfold_file_is_the_same_model(small):
    model, _ = small
    other = allocate(model.config, reference())
    load_openfold(other, read_openfold(SMALL_OPENFOLD))
    ours, theirs = model.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def test_openfold_swaps_the_factors_of_incoming_edges_only(small):
    model, _ = small
    state = read_openfold(SMALL_OPENFOLD)
    block = model.evoformer.blocks[0]
    stack = "evoformer.blocks.0.pair_stack"
    assert torch.equal(
        state[f"{stack}.tri_mul_in.linear_a_p.weight"], block.triangle_multiplication_incoming.right.weight
    )
    assert torch.equal(
        state[f"{stack}.tri_mul_out.linear_a_p.weight"], block.triangle_multiplication_outgoing.left.weight
    )


def test_names_of_the_first_openfold_release(small):
    model, _ = small
    old = {_first_release_name(name): value for name, value in read_openfold(SMALL_OPENFOLD).items()}
    assert any(".core.tri_mul_out" in name for name in old)
    assert not any(
        "pair_stack.tri" in name or name.startswith("template_embedder") for name in old if "extra" not in name
    )
    other = allocate(model.config, reference())
    load_openfold(other, old)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def _first_release_name(name):
    name = name.removeprefix("template_embedder.").replace("template_single_embedder", "template_angle_embedder")
    name = name.replace("_points.linear.", "_points.").replace(".pair_stack.", ".core.")
    return name.replace(".msa_transition.", ".core.msa_transition.").replace(
        ".outer_product_mean.", ".core.outer_product_mean."
    )


def test_float64_model_holds_the_exact_values(small):
    model, arrays = small
    double = build(model.config, reference()).double()
    load_official(double, arrays)
    assert double.heads.pae.logits.weight.dtype == torch.float64
    for single, wide in zip(model.parameters(), double.parameters(), strict=True):
        assert torch.equal(single.double(), wide)
    exported = export_official(double)
    assert all(exported[key].tobytes() == arrays[key].tobytes() for key in arrays)


def test_big_endian_and_read_only_arrays(small):
    model, arrays = small
    other = allocate(model.config, reference())
    foreign = {key: array.astype(">f4") for key, array in arrays.items()}
    for array in foreign.values():
        array.flags.writeable = False
    load_official(other, foreign)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_one_error_lists_missing_unused_misshapen_and_unusable(small):
    model, arrays = small
    head = "alphafold/alphafold_iteration/predicted_aligned_error_head/logits//"
    plddt = "alphafold/alphafold_iteration/predicted_lddt_head/logits//"
    del arrays[head + "bias"]
    arrays["alphafold/extra//weights"] = np.zeros(3, np.float32)
    arrays[OUTER] = arrays[OUTER][:1]
    arrays[plddt + "bias"] = np.full_like(arrays[plddt + "bias"], np.nan)
    arrays[plddt + "weights"] = arrays[plddt + "weights"].astype(np.int32)
    before = [parameter.clone() for parameter in model.parameters()]
    with pytest.raises(InputError) as caught:
        load_official(model, {key: array + 1 for key, array in arrays.items()}, origin="x.npz")
    message = str(caught.value)
    assert "\n" not in message and "x.npz" in message
    assert f"1 missing: {head}bias" in message
    assert "1 unused: alphafold/extra//weights" in message
    assert f"1 misshapen: {OUTER} (shape [1, 12, 12, 32], expected [2, 12, 12, 32])" in message
    assert f"{plddt}bias (infinite or not a number)" in message
    assert f"{plddt}weights (not real numbers)" in message
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)), "nothing may be written"


def test_the_same_numbers_with_heads_divided_otherwise_are_refused(small):
    model, arrays = small
    key = OUTER.replace("outer_product_mean//output_w", "triangle_attention_starting_node/attention//query_w")
    blocks, channels, heads, width = arrays[key].shape
    arrays[key] = arrays[key].reshape(blocks, channels, width, heads)
    with pytest.raises(InputError, match="1 misshapen"):
        load_official(model, arrays)


def test_long_lists_are_cut_and_counted(small):
    model, arrays = small
    with pytest.raises(InputError) as caught:
        load_official(model, {})
    message = str(caught.value)
    assert f"{len(arrays)} missing" in message and f"and {len(arrays) - LISTED} more" in message


def test_openfold_block_too_many(small):
    model, _ = small
    state = read_openfold(SMALL_OPENFOLD)
    state["evoformer.blocks.2.msa_att_row.layer_norm_m.weight"] = torch.ones(48)
    with pytest.raises(InputError, match=r"1 unused: evoformer\.blocks\.2\.msa_att_row\.layer_norm_m\.weight"):
        load_openfold(model, state)


def test_a_map_that_does_not_fit_the_module_is_a_bug(small):
    model, arrays = small
    with pytest.raises(ValueError, match="unnamed"):
        load_module(model.structure_module, arrays, rules_for("fold_iteration", "fold_iteration"))


MODULES = [
    ("msa_row_attention_with_pair_bias", "row_attention", lambda m: m.evoformer.blocks[0].row_attention),
    ("msa_row_attention_with_pair_bias_extra", "row_attention", lambda m: m.extra_msa_stack.blocks[0].row_attention),
    ("msa_column_attention", "column_attention", lambda m: m.evoformer.blocks[0].column_attention),
    (
        "msa_column_global_attention",
        "column_global_attention",
        lambda m: m.extra_msa_stack.blocks[0].column_attention,
    ),
    ("msa_transition", "transition", lambda m: m.evoformer.blocks[0].msa_transition),
    ("pair_transition", "transition", lambda m: m.evoformer.blocks[0].pair_transition),
    ("outer_product_mean", "outer_product_mean", lambda m: m.evoformer.blocks[0].outer_product_mean),
    (
        "triangle_multiplication_outgoing",
        "triangle_multiplication",
        lambda m: m.evoformer.blocks[0].triangle_multiplication_outgoing,
    ),
    (
        "triangle_multiplication_incoming",
        "triangle_multiplication",
        lambda m: m.evoformer.blocks[0].triangle_multiplication_incoming,
    ),
    (
        "triangle_attention_starting_node",
        "triangle_attention",
        lambda m: m.evoformer.blocks[0].triangle_attention_starting,
    ),
    ("triangle_attention_ending_node", "triangle_attention", lambda m: m.evoformer.blocks[0].triangle_attention_ending),
    ("evoformer_iteration", "evoformer_block", lambda m: m.evoformer.blocks[0]),
    ("extra_msa_iteration", "extra_msa_block", lambda m: m.extra_msa_stack.blocks[0]),
    ("single_template_embedding", "template_pair", lambda m: m.template_embedder.pair),
    ("template_embedding", "template_embedding", lambda m: m.template_embedder),
    ("invariant_point_attention", "ipa", lambda m: m.structure_module.ipa),
    ("fold_iteration", "fold_iteration", lambda m: m.structure_module),
    ("structure_module", "structure_module", lambda m: m.structure_module),
]
KEPT = {"template_embedding", "fold_iteration"}  # our class holds more than the reference's


@pytest.mark.parametrize(("file", "kind", "part"), MODULES)
def test_single_modules_load(file, kind, part, small):
    model, _ = small
    with np.load(REFERENCE / "modules" / f"{file}.npz", allow_pickle=False) as npz:
        arrays = dict(npz)
    scopes = {name.removeprefix("param:").split("/")[0] for name in arrays if name.startswith("param:")}
    (scope,) = scopes
    module = part(model)
    before = {name: value.clone() for name, value in module.named_parameters()}
    load_module(module, arrays, rules_for(kind, scope), keep_rest=file in KEPT)
    changed = [name for name, value in module.named_parameters() if not torch.equal(value, before[name])]
    loaded = sum(array.size for name, array in arrays.items() if name.startswith("param:"))
    assert sum(before[name].numel() for name in changed) == loaded
    assert (set(changed) == set(before)) == (file not in KEPT)


def test_single_module_with_another_shape(small):
    model, _ = small
    with np.load(REFERENCE / "modules" / "msa_column_attention.npz", allow_pickle=False) as npz:
        arrays = dict(npz)
    arrays["param:msa_column_attention/attention//query_w"] = np.zeros((48, 8, 7), np.float32)
    rules = rules_for("column_attention", "msa_column_attention")
    with pytest.raises(InputError, match=r"query_w \(shape \[48, 8, 7\], expected one that makes \[48, 48\]\)"):
        load_module(model.evoformer.blocks[0].column_attention, arrays, rules)
