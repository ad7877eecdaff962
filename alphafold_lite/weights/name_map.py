"""Official parameter names (`SCOPE//NAME`, as in DeepMind's `params_model_*.npz`) and ours, one table per kind of module.

The names on the left are those of Haiku modules, spelling mistakes included. Block tables are written once and used for the Evoformer,
the extra MSA stack and the template pair stack.
"""

from alphafold_lite.common.errors import InputError
from alphafold_lite.model.config import ModelConfig, StackConfig, TemplateConfig
from alphafold_lite.weights.rules import (
    FLATTEN,
    HEADS_IN,
    HEADS_OUT,
    TRANSPOSE,
    Rule,
    Rules,
    under,
    with_heads,
)

OFFICIAL_ROOT = "alphafold/alphafold_iteration"


def linear(official: str, ours: str) -> Rules:
    """A Haiku linear layer: `weights [in, out]`, `bias [out]`."""
    return (Rule(f"{official}//weights", f"{ours}.weight", TRANSPOSE), Rule(f"{official}//bias", f"{ours}.bias"))


def layer_norm(official: str, ours: str) -> Rules:
    """A Haiku layer norm: `scale`, `offset`."""
    return (Rule(f"{official}//scale", f"{ours}.weight"), Rule(f"{official}//offset", f"{ours}.bias"))


UNGATED_ATTENTION: Rules = (
    Rule("//query_w", "q.weight", HEADS_IN),
    Rule("//key_w", "k.weight", HEADS_IN),
    Rule("//value_w", "v.weight", HEADS_IN),
    Rule("//output_w", "out.weight", HEADS_OUT),
    Rule("//output_b", "out.bias"),
)
GATE: Rules = (Rule("//gating_w", "gate.weight", HEADS_IN), Rule("//gating_b", "gate.bias", FLATTEN))
ATTENTION: Rules = (*UNGATED_ATTENTION, *GATE)
GLOBAL_ATTENTION: Rules = (  # Alg. 19: one head of keys and values
    Rule("//query_w", "q.weight", HEADS_IN),
    Rule("//key_w", "k.weight", TRANSPOSE),
    Rule("//value_w", "v.weight", TRANSPOSE),
    Rule("//output_w", "out.weight", HEADS_OUT),
    Rule("//output_b", "out.bias"),
    *GATE,
)
ROW_ATTENTION: Rules = (  # Alg. 7
    *layer_norm("query_norm", "norm"),
    *layer_norm("feat_2d_norm", "norm_z"),
    Rule("//feat_2d_weights", "bias.weight", TRANSPOSE),
    *under(ATTENTION, "attention", "attention"),
)
COLUMN_ATTENTION: Rules = (  # Alg. 8
    *layer_norm("query_norm", "norm"),
    *under(ATTENTION, "attention", "attention"),
)
COLUMN_GLOBAL_ATTENTION: Rules = (  # Alg. 19
    *layer_norm("query_norm", "norm"),
    *under(GLOBAL_ATTENTION, "attention", "attention"),
)
TRANSITION: Rules = (  # Alg. 9, 15
    *layer_norm("input_layer_norm", "norm"),
    *linear("transition1", "expand"),
    *linear("transition2", "contract"),
)
OUTER_PRODUCT_MEAN: Rules = (  # Alg. 10
    *layer_norm("layer_norm_input", "norm"),
    *linear("left_projection", "left"),
    *linear("right_projection", "right"),
    Rule("//output_w", "out.weight", HEADS_OUT),
    Rule("//output_b", "out.bias"),
)
TRIANGLE_MULTIPLICATION: Rules = (  # Alg. 11, 12
    *layer_norm("layer_norm_input", "norm_in"),
    *linear("left_projection", "left"),
    *linear("right_projection", "right"),
    *linear("left_gate", "left_gate"),
    *linear("right_gate", "right_gate"),
    *layer_norm("center_layer_norm", "norm_out"),
    *linear("output_projection", "out"),
    *linear("gating_linear", "gate"),
)
TRIANGLE_ATTENTION: Rules = (  # Alg. 13, 14
    *layer_norm("query_norm", "norm"),
    Rule("//feat_2d_weights", "bias.weight", TRANSPOSE),
    *under(ATTENTION, "attention", "attention"),
)
PAIR_BLOCK: Rules = (
    *under(TRIANGLE_MULTIPLICATION, "triangle_multiplication_outgoing", "triangle_multiplication_outgoing"),
    *under(TRIANGLE_MULTIPLICATION, "triangle_multiplication_incoming", "triangle_multiplication_incoming"),
    *under(TRIANGLE_ATTENTION, "triangle_attention_starting_node", "triangle_attention_starting"),
    *under(TRIANGLE_ATTENTION, "triangle_attention_ending_node", "triangle_attention_ending"),
    *under(TRANSITION, "pair_transition", "pair_transition"),
)
_MSA_BLOCK: Rules = (
    *under(ROW_ATTENTION, "msa_row_attention_with_pair_bias", "row_attention"),
    *under(TRANSITION, "msa_transition", "msa_transition"),
    *under(OUTER_PRODUCT_MEAN, "outer_product_mean", "outer_product_mean"),
    *PAIR_BLOCK,
)
EVOFORMER_BLOCK: Rules = (*under(COLUMN_ATTENTION, "msa_column_attention", "column_attention"), *_MSA_BLOCK)  # Alg. 6
EXTRA_MSA_BLOCK: Rules = (  # Alg. 18
    *under(COLUMN_GLOBAL_ATTENTION, "msa_column_global_attention", "column_attention"),
    *_MSA_BLOCK,
)
TEMPLATE_PAIR: Rules = (  # Alg. 2 line 9 and Alg. 16, for one template
    *linear("embedding2d", "embedding"),
    *under(PAIR_BLOCK, "template_pair_stack/__layer_stack_no_state", "blocks.{i}"),
    *layer_norm("output_layer_norm", "norm"),
)
TEMPLATE_EMBEDDING: Rules = (  # with Alg. 17
    *under(TEMPLATE_PAIR, "single_template_embedding", "pair"),
    *under(UNGATED_ATTENTION, "attention", "pointwise"),
)
TEMPLATE_TORSIONS: Rules = (*linear("template_single_embedding", "embed"), *linear("template_projection", "project"))
IPA: Rules = (  # Alg. 22
    *linear("q_scalar", "q"),
    *linear("kv_scalar", "kv"),
    *linear("q_point_local", "q_points"),
    *linear("kv_point_local", "kv_points"),
    *linear("attention_2d", "bias"),
    Rule("//trainable_point_weights", "head_weights"),
    *linear("output_projection", "out"),
)
SIDECHAINS: Rules = (  # Alg. 20 lines 11-14
    *linear("input_projection", "single"),
    *linear("input_projection_1", "initial"),
    *linear("resblock1{_i}", "blocks.{i}.first"),
    *linear("resblock2{_i}", "blocks.{i}.second"),
    *linear("unnormalized_angles", "angles"),
)
FOLD_ITERATION: Rules = (  # Alg. 20 lines 6-14: one layer, shared by all iterations
    *under(IPA, "invariant_point_attention", "ipa"),
    *layer_norm("attention_layer_norm", "norm_ipa"),
    *linear("transition{_i}", "transition.{i}"),
    *layer_norm("transition_layer_norm", "norm_transition"),
    *linear("affine_update", "backbone.update"),
    *under(SIDECHAINS, "rigid_sidechain", "sidechains"),
)
STRUCTURE_MODULE: Rules = (  # Alg. 20
    *layer_norm("single_layer_norm", "norm_s"),
    *layer_norm("pair_layer_norm", "norm_z"),
    *linear("initial_projection", "initial"),
    *under(FOLD_ITERATION, "fold_iteration", ""),
)
EMBEDDERS: Rules = (  # Alg. 3, 4, 32 and the extra MSA features of Alg. 2
    *linear("left_single", "input_embedder.target_i"),
    *linear("right_single", "input_embedder.target_j"),
    *linear("preprocess_1d", "input_embedder.target_m"),
    *linear("preprocess_msa", "input_embedder.msa"),
    *linear("pair_activiations", "input_embedder.relpos"),
    *linear("prev_pos_linear", "recycling_embedder.distances"),
    *layer_norm("prev_msa_first_row_norm", "recycling_embedder.norm_m"),
    *layer_norm("prev_pair_norm", "recycling_embedder.norm_z"),
    *linear("extra_msa_activations", "extra_msa_embedder"),
    *linear("single_activations", "evoformer.single"),
)
HEADS: Rules = (
    *linear("distogram_head/half_logits", "distogram.logits"),
    *linear("masked_msa_head/logits", "masked_msa.logits"),
    *layer_norm("predicted_lddt_head/input_layer_norm", "plddt.norm"),
    *linear("predicted_lddt_head/act_0", "plddt.first"),
    *linear("predicted_lddt_head/act_1", "plddt.second"),
    *linear("predicted_lddt_head/logits", "plddt.logits"),
    *linear("experimentally_resolved_head/logits", "resolved.logits"),
)
PAE_HEAD: Rules = linear("predicted_aligned_error_head/logits", "pae.logits")

MODULES: dict[str, Rules] = {
    "row_attention": ROW_ATTENTION,
    "column_attention": COLUMN_ATTENTION,
    "column_global_attention": COLUMN_GLOBAL_ATTENTION,
    "transition": TRANSITION,
    "outer_product_mean": OUTER_PRODUCT_MEAN,
    "triangle_multiplication": TRIANGLE_MULTIPLICATION,
    "triangle_attention": TRIANGLE_ATTENTION,
    "evoformer_block": EVOFORMER_BLOCK,
    "extra_msa_block": EXTRA_MSA_BLOCK,
    "template_pair": TEMPLATE_PAIR,
    "template_embedding": TEMPLATE_EMBEDDING,
    "ipa": IPA,
    "fold_iteration": FOLD_ITERATION,
    "structure_module": STRUCTURE_MODULE,
}


def rules_for(kind: str, scope: str, ours: str = "") -> Rules:
    """The rules of one module class by itself, heads as they come.

    Args:
        kind: a key of `MODULES`.
        scope: its official scope, as the names in the file begin (`triangle_attention_starting_node`).
        ours: prefix of the parameters inside the module they are loaded into.

    Raises:
        InputError: no such kind.
    """
    if kind not in MODULES:
        raise InputError(f"a kind of module among {', '.join(MODULES)}", repr(kind), "choose one of them")
    return under(MODULES[kind], scope, ours)


def model_rules(config: ModelConfig) -> Rules:
    """The rules of a whole model, with what this configuration has and the number of heads of every attention.

    Raises:
        InputError: a network without some of AlphaFold's parts.
    """
    require_complete(config)
    evoformer = (
        *EMBEDDERS,
        *with_heads(
            under(EVOFORMER_BLOCK, "evoformer_iteration", "evoformer.blocks.{i}"), stack_heads(config.evoformer)
        ),
        *with_heads(
            under(EXTRA_MSA_BLOCK, "extra_msa_stack", "extra_msa_stack.blocks.{i}"), stack_heads(config.extra_msa)
        ),
        *_template_rules(config.template),
    )
    return under(
        (
            *under(evoformer, "evoformer", ""),
            *under(STRUCTURE_MODULE, "structure_module", "structure_module"),
            *under((*HEADS, *(PAE_HEAD if config.heads.pae else ())), "", "heads"),
        ),
        OFFICIAL_ROOT,
        "",
    )


def require_complete(config: ModelConfig) -> None:
    """Foreign layouts have no place for a network that lacks triangle updates, or pair bias or points in the structure module.

    Raises:
        InputError: this is one.
    """
    stacks = (config.evoformer, config.extra_msa)
    triangles = all(stack.triangle_multiplication and stack.triangle_attention_every == 1 for stack in stacks)
    attends = config.template is None or config.template.triangle_attention
    if not (triangles and attends and config.structure.pair_bias and config.structure.points):
        action = "use a .safetensors checkpoint for this configuration"
        raise InputError("a network with all parts of AlphaFold", "one that leaves some out", action)


def stack_heads(stack: StackConfig) -> dict[str, int]:
    """What the divided axes of one stack are divided by."""
    return {
        "row_attention": stack.row_heads,
        "column_attention": stack.column_heads,
        "outer_product_mean": stack.outer_channels,
        "triangle_attention_starting": stack.starting_heads,
        "triangle_attention_ending": stack.ending_heads,
    }


def _template_rules(template: TemplateConfig | None) -> Rules:
    if template is None:
        return ()
    heads = {
        "triangle_attention_starting": template.starting_heads,
        "triangle_attention_ending": template.ending_heads,
        "pointwise": template.attention_heads,
    }
    embedding = with_heads(under(TEMPLATE_EMBEDDING, "template_embedding", "template_embedder"), heads)
    return (
        *embedding,
        *(under(TEMPLATE_TORSIONS, "", "template_embedder.torsions") if template.embed_torsions else ()),
    )
