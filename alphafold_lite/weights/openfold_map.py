"""Names in OpenFold's state dictionaries (commit ce0029e) and ours: the arrays themselves are the same, only the names differ.

OpenFold calls the two factors of a triangle multiplication a and b in the order of the supplement, the official files left and right in
the order of the code: for incoming edges a is the right one.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from alphafold_lite.common.errors import InputError
from alphafold_lite.model.config import ModelConfig
from alphafold_lite.weights.name_map import require_complete
from alphafold_lite.weights.rules import Rule, Rules, under


def within(rules: Rules, openfold: str, ours: str) -> Rules:
    """The same rules, one module further down on both sides; OpenFold joins names with dots."""
    return under(rules, openfold, ours, separator=".")


def layer(openfold: str, ours: str) -> Rules:
    """A linear layer or layer norm: weight and bias."""
    return (Rule(f"{openfold}.weight", f"{ours}.weight"), Rule(f"{openfold}.bias", f"{ours}.bias"))


def weight(openfold: str, ours: str) -> Rules:
    """A linear layer without bias."""
    return (Rule(f"{openfold}.weight", f"{ours}.weight"),)


UNGATED_ATTENTION: Rules = (
    *weight("linear_q", "q"),
    *weight("linear_k", "k"),
    *weight("linear_v", "v"),
    *layer("linear_o", "out"),
)
ATTENTION: Rules = (*UNGATED_ATTENTION, *layer("linear_g", "gate"))
ROW_ATTENTION: Rules = (
    *layer("layer_norm_m", "norm"),
    *layer("layer_norm_z", "norm_z"),
    *weight("linear_z", "bias"),
    *within(ATTENTION, "mha", "attention"),
)
COLUMN_ATTENTION: Rules = (*layer("_msa_att.layer_norm_m", "norm"), *within(ATTENTION, "_msa_att.mha", "attention"))
COLUMN_GLOBAL_ATTENTION: Rules = (
    *layer("layer_norm_m", "norm"),
    *within(ATTENTION, "global_attention", "attention"),
)
TRANSITION: Rules = (
    *layer("layer_norm", "norm"),
    *layer("linear_1", "expand"),
    *layer("linear_2", "contract"),
)
OUTER_PRODUCT_MEAN: Rules = (
    *layer("layer_norm", "norm"),
    *layer("linear_1", "left"),
    *layer("linear_2", "right"),
    *layer("linear_out", "out"),
)
TRIANGLE_ATTENTION: Rules = (
    *layer("layer_norm", "norm"),
    *weight("linear", "bias"),
    *within(ATTENTION, "mha", "attention"),
)


def triangle_multiplication(a: str, b: str) -> Rules:
    """Triangle multiplication whose factors a and b are called so by us."""
    return (
        *layer("layer_norm_in", "norm_in"),
        *layer("linear_a_p", a),
        *layer("linear_a_g", f"{a}_gate"),
        *layer("linear_b_p", b),
        *layer("linear_b_g", f"{b}_gate"),
        *layer("layer_norm_out", "norm_out"),
        *layer("linear_z", "out"),
        *layer("linear_g", "gate"),
    )


PAIR_BLOCK: Rules = (
    *within(triangle_multiplication("left", "right"), "tri_mul_out", "triangle_multiplication_outgoing"),
    *within(triangle_multiplication("right", "left"), "tri_mul_in", "triangle_multiplication_incoming"),
    *within(TRIANGLE_ATTENTION, "tri_att_start", "triangle_attention_starting"),
    *within(TRIANGLE_ATTENTION, "tri_att_end", "triangle_attention_ending"),
    *within(TRANSITION, "pair_transition", "pair_transition"),
)
_MSA_BLOCK: Rules = (
    *within(ROW_ATTENTION, "msa_att_row", "row_attention"),
    *within(TRANSITION, "msa_transition", "msa_transition"),
    *within(OUTER_PRODUCT_MEAN, "outer_product_mean", "outer_product_mean"),
    *within(PAIR_BLOCK, "pair_stack", ""),
)
EVOFORMER_BLOCK: Rules = (*within(COLUMN_ATTENTION, "msa_att_col", "column_attention"), *_MSA_BLOCK)
EXTRA_MSA_BLOCK: Rules = (*within(COLUMN_GLOBAL_ATTENTION, "msa_att_col", "column_attention"), *_MSA_BLOCK)
TEMPLATES: Rules = (
    *layer("template_pair_embedder.linear", "pair.embedding"),
    *within(PAIR_BLOCK, "template_pair_stack.blocks.{i}", "pair.blocks.{i}"),
    *layer("template_pair_stack.layer_norm", "pair.norm"),
    *within(UNGATED_ATTENTION, "template_pointwise_att.mha", "pointwise"),
)
TEMPLATE_TORSIONS: Rules = (
    *layer("template_single_embedder.linear_1", "torsions.embed"),
    *layer("template_single_embedder.linear_2", "torsions.project"),
)
STRUCTURE_MODULE: Rules = (
    *layer("layer_norm_s", "norm_s"),
    *layer("layer_norm_z", "norm_z"),
    *layer("linear_in", "initial"),
    Rule("ipa.head_weights", "ipa.head_weights"),
    *layer("ipa.linear_q", "ipa.q"),
    *layer("ipa.linear_kv", "ipa.kv"),
    *layer("ipa.linear_q_points.linear", "ipa.q_points"),
    *layer("ipa.linear_kv_points.linear", "ipa.kv_points"),
    *layer("ipa.linear_b", "ipa.bias"),
    *layer("ipa.linear_out", "ipa.out"),
    *layer("layer_norm_ipa", "norm_ipa"),
    *layer("transition.layers.0.linear_{i+1}", "transition.{i}"),
    *layer("transition.layer_norm", "norm_transition"),
    *layer("bb_update.linear", "backbone.update"),
    *layer("angle_resnet.linear_in", "sidechains.single"),
    *layer("angle_resnet.linear_initial", "sidechains.initial"),
    *layer("angle_resnet.layers.{i}.linear_1", "sidechains.blocks.{i}.first"),
    *layer("angle_resnet.layers.{i}.linear_2", "sidechains.blocks.{i}.second"),
    *layer("angle_resnet.linear_out", "sidechains.angles"),
)
EMBEDDERS: Rules = (
    *layer("input_embedder.linear_tf_z_i", "input_embedder.target_i"),
    *layer("input_embedder.linear_tf_z_j", "input_embedder.target_j"),
    *layer("input_embedder.linear_tf_m", "input_embedder.target_m"),
    *layer("input_embedder.linear_msa_m", "input_embedder.msa"),
    *layer("input_embedder.linear_relpos", "input_embedder.relpos"),
    *layer("recycling_embedder.linear", "recycling_embedder.distances"),
    *layer("recycling_embedder.layer_norm_m", "recycling_embedder.norm_m"),
    *layer("recycling_embedder.layer_norm_z", "recycling_embedder.norm_z"),
    *layer("extra_msa_embedder.linear", "extra_msa_embedder"),
    *layer("evoformer.linear", "evoformer.single"),
)
HEADS: Rules = (
    *layer("distogram.linear", "distogram.logits"),
    *layer("masked_msa.linear", "masked_msa.logits"),
    *layer("plddt.layer_norm", "plddt.norm"),
    *layer("plddt.linear_1", "plddt.first"),
    *layer("plddt.linear_2", "plddt.second"),
    *layer("plddt.linear_3", "plddt.logits"),
    *layer("experimentally_resolved.linear", "resolved.logits"),
)
PAE_HEAD: Rules = layer("tm.linear", "pae.logits")


def openfold_rules(config: ModelConfig) -> Rules:
    """The rules of a whole model, with what this configuration has.

    Raises:
        InputError: a network without some of AlphaFold's parts.
    """
    require_complete(config)
    templates = TEMPLATES if config.template is not None else ()
    torsions = TEMPLATE_TORSIONS if config.template is not None and config.template.embed_torsions else ()
    return (
        *EMBEDDERS,
        *within((*templates, *torsions), "template_embedder", "template_embedder"),
        *within(EXTRA_MSA_BLOCK, "extra_msa_stack.blocks.{i}", "extra_msa_stack.blocks.{i}"),
        *within(EVOFORMER_BLOCK, "evoformer.blocks.{i}", "evoformer.blocks.{i}"),
        *within(STRUCTURE_MODULE, "structure_module", "structure_module"),
        *within((*HEADS, *(PAE_HEAD if config.heads.pae else ())), "aux_heads", "heads"),
    )


# What the first release of OpenFold, whose files are those published, called differently.
FIRST_RELEASE = (
    (re.compile(r"\.core\.(msa_transition|outer_product_mean)\."), r".\1."),
    (re.compile(r"\.core\.(tri_|pair_transition)"), r".pair_stack.\1"),
    (re.compile(r"(ipa\.linear_(?:q|kv)_points)\.(weight|bias)$"), r"\1.linear.\2"),
    (re.compile(r"^template_angle_embedder\."), "template_single_embedder."),
    (re.compile(r"^template_(?!embedder\.)"), "template_embedder.template_"),
)


def current_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dictionary under the names of the current OpenFold, whichever release wrote it.

    Raises:
        InputError: two names become one.
    """
    renamed: dict[str, Tensor] = {}
    for name, value in state.items():
        new = name
        for pattern, replacement in FIRST_RELEASE:
            new = pattern.sub(replacement, new)
        if new in renamed:
            raise InputError("one array per parameter", f"two that are both {new}", "use the file as OpenFold wrote it")
        renamed[new] = value
    return renamed
