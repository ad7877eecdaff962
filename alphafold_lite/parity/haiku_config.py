"""Read an official configuration tree (`config.json` of the reference folders) into a `ModelConfig`."""

from collections.abc import Mapping
from typing import Any

from alphafold_lite.model.config import (
    BinsConfig,
    HeadsConfig,
    ModelConfig,
    StackConfig,
    StructureConfig,
    TemplateConfig,
)

Tree = Mapping[str, Any]


def model_config(tree: Tree) -> ModelConfig:
    """The network described by the official tree `config.model_config(preset).model`. A missing key is a KeyError naming it."""
    trunk, heads = tree["embeddings_and_evoformer"], tree["heads"]
    return ModelConfig(
        msa_channels=trunk["msa_channel"],
        pair_channels=trunk["pair_channel"],
        extra_msa_channels=trunk["extra_msa_channel"],
        single_channels=trunk["seq_channel"],
        max_relative=trunk["max_relative_feature"],
        recycling_distances=bins(trunk["prev_pos"]),
        evoformer=stack_config(trunk["evoformer"], trunk["evoformer_num_block"]),
        extra_msa=stack_config(trunk["evoformer"], trunk["extra_msa_stack_num_block"]),
        template=template_config(tree),
        structure=structure_config(heads["structure_module"]),
        heads=_heads(heads),
    )


def bins(tree: Tree) -> BinsConfig:
    """Distance bins, Å."""
    return BinsConfig(min_bin=float(tree["min_bin"]), max_bin=float(tree["max_bin"]), num_bins=tree["num_bins"])


def stack_config(tree: Tree, num_blocks: int) -> StackConfig:
    """The section `evoformer`, which serves the extra-MSA stack too."""
    return StackConfig(
        num_blocks=num_blocks,
        row_heads=tree["msa_row_attention_with_pair_bias"]["num_head"],
        column_heads=tree["msa_column_attention"]["num_head"],
        starting_heads=tree["triangle_attention_starting_node"]["num_head"],
        ending_heads=tree["triangle_attention_ending_node"]["num_head"],
        outer_channels=tree["outer_product_mean"]["num_outer_channel"],
        outgoing_channels=tree["triangle_multiplication_outgoing"]["num_intermediate_channel"],
        incoming_channels=tree["triangle_multiplication_incoming"]["num_intermediate_channel"],
        msa_transition_factor=tree["msa_transition"]["num_intermediate_factor"],
        pair_transition_factor=tree["pair_transition"]["num_intermediate_factor"],
        msa_dropout=tree["msa_row_attention_with_pair_bias"]["dropout_rate"],
        pair_dropout=tree["triangle_multiplication_outgoing"]["dropout_rate"],
    )


def template_config(tree: Tree) -> TemplateConfig | None:
    """The section `template`; None where templates are off. `zero_init` decides what torsions of absent atoms are."""
    template = tree["embeddings_and_evoformer"]["template"]
    if not template["enabled"]:
        return None
    stack, attention = template["template_pair_stack"], template["attention"]
    starting, ending = stack["triangle_attention_starting_node"], stack["triangle_attention_ending_node"]
    return TemplateConfig(
        channels=ending["value_dim"],
        num_blocks=stack["num_block"],
        starting_heads=starting["num_head"],
        starting_key_channels=starting["key_dim"],
        ending_heads=ending["num_head"],
        ending_key_channels=ending["key_dim"],
        outgoing_channels=stack["triangle_multiplication_outgoing"]["num_intermediate_channel"],
        incoming_channels=stack["triangle_multiplication_incoming"]["num_intermediate_channel"],
        pair_transition_factor=stack["pair_transition"]["num_intermediate_factor"],
        pair_dropout=stack["triangle_multiplication_outgoing"]["dropout_rate"],
        attention_heads=attention["num_head"],
        attention_key_channels=attention["key_dim"],
        attention_value_channels=attention["value_dim"],
        distances=bins(template["dgram_features"]),
        unit_vectors=template["use_template_unit_vector"],
        embed_torsions=template["embed_torsion_angles"],
        torsion_placeholder=not tree["global_config"]["zero_init"],
        max_templates=template["max_templates"],
    )


def structure_config(tree: Tree) -> StructureConfig:
    """The section `heads.structure_module`."""
    return StructureConfig(
        num_layers=tree["num_layer"],
        channels=tree["num_channel"],
        num_heads=tree["num_head"],
        scalar_qk=tree["num_scalar_qk"],
        scalar_v=tree["num_scalar_v"],
        point_qk=tree["num_point_qk"],
        point_v=tree["num_point_v"],
        transition_layers=tree["num_layer_in_transition"],
        position_scale=float(tree["position_scale"]),
        sidechain_channels=tree["sidechain"]["num_channel"],
        sidechain_blocks=tree["sidechain"]["num_residual_block"],
        dropout=tree["dropout"],
    )


def _heads(tree: Tree) -> HeadsConfig:
    distogram, pae = tree["distogram"], tree["predicted_aligned_error"]
    return HeadsConfig(
        distogram=BinsConfig(
            min_bin=float(distogram["first_break"]),
            max_bin=float(distogram["last_break"]),
            num_bins=distogram["num_bins"],
        ),
        masked_msa_classes=tree["masked_msa"]["num_output"],
        plddt_channels=tree["predicted_lddt"]["num_channels"],
        plddt_bins=tree["predicted_lddt"]["num_bins"],
        pae=bool(pae.get("weight", 0)),
        pae_bins=pae["num_bins"],
        pae_max=float(pae["max_error_bin"]),
    )
