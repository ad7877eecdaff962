"""The configuration of a network from the names and shapes of its parameters, for files whose name does not say which model it is.

Shapes tell every width, the number of blocks, and which parts exist. They do not tell the number of structure module iterations (one set
of parameters serves all), distance ranges, dropout rates, and, in OpenFold's files, the heads of attentions without pair bias: those are
taken from a base configuration.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from alphafold_lite.common.errors import InputError
from alphafold_lite.model.config import (
    BinsConfig,
    HeadsConfig,
    ModelConfig,
    StackConfig,
    StructureConfig,
    TemplateConfig,
)
from alphafold_lite.weights.name_map import model_rules
from alphafold_lite.weights.openfold_map import openfold_rules
from alphafold_lite.weights.rules import BLOCK, BLOCK_FROM_1, REPEAT, Rule, Rules, Shape, number

TEMPLATE_FEATURES_BESIDE_BINS = 49  # mask, two letters of 22, unit vector, backbone mask (supplement Table 1)
EVERYTHING = ModelConfig(template=TemplateConfig(), heads=HeadsConfig(pae=True))


@dataclass(frozen=True, slots=True)
class Found:
    """One parameter, or the same of every block: our shape, number of blocks, heads where the file tells them."""

    shape: Shape
    blocks: int
    heads: int | None


def infer_official(layout: Mapping[str, Shape], base: ModelConfig) -> ModelConfig:
    """Configuration behind the names and shapes of an official file.

    Raises:
        InputError: not the parameters of a monomer network. Names beyond those needed are left to the conversion to judge.
    """
    return _Survey(layout, model_rules(EVERYTHING)).config(base)


def infer_openfold(layout: Mapping[str, Shape], base: ModelConfig) -> ModelConfig:
    """Configuration behind the names and shapes of an OpenFold state dictionary (current names). Raises as `infer_official`."""
    return _Survey(layout, openfold_rules(EVERYTHING)).config(base)


class _Survey:
    """What of a complete model is there, by our names with `{i}` for the block."""

    def __init__(self, layout: Mapping[str, Shape], rules: Rules) -> None:
        self.found = {rule.ours: found for rule in rules if (found := _find(rule, layout)) is not None}

    def size(self, name: str, axis: int = 0) -> int:
        """Length of an axis that a monomer network must have."""
        found = self.found.get(name)
        if found is None or len(found.shape) <= axis or found.shape[axis] < 1:
            raise _foreign(f"no usable {name}")
        return found.shape[axis]

    def ratio(self, name: str, divisor: int, axis: int = 0) -> int:
        """Length of an axis in units of `divisor`."""
        size = self.size(name, axis)
        if divisor < 1 or size % divisor:
            raise _foreign(f"{name} of {size}, not a multiple of {divisor}")
        return size // divisor

    def blocks(self, name: str) -> int:
        """Number of blocks that have this parameter."""
        self.size(name)
        return self.found[name].blocks

    def heads(self, name: str, otherwise: int) -> int:
        """Number of heads if the file keeps them apart."""
        found = self.found.get(name)
        return otherwise if found is None or found.heads is None else found.heads

    def config(self, base: ModelConfig) -> ModelConfig:
        """The whole configuration."""
        return replace(
            base,
            msa_channels=self.size("input_embedder.target_m.weight"),
            pair_channels=self.size("input_embedder.target_i.weight"),
            extra_msa_channels=self.size("extra_msa_embedder.weight"),
            single_channels=self.size("evoformer.single.weight"),
            max_relative=self.size("input_embedder.relpos.weight", 1) // 2,
            recycling_distances=_bins(base.recycling_distances, self.size("recycling_embedder.distances.weight", 1)),
            evoformer=self.stack("evoformer", base.evoformer),
            extra_msa=self.stack("extra_msa_stack", base.extra_msa),
            template=self.template(base.template or TemplateConfig()),
            structure=self.structure(base.structure),
            heads=self.output_heads(base.heads),
        )

    def stack(self, name: str, base: StackConfig) -> StackConfig:
        """Evoformer or extra MSA stack."""
        block = f"{name}.blocks.{BLOCK}."
        if not any(known.startswith(block) for known in self.found):
            return replace(base, num_blocks=0)
        column = f"{block}column_attention.attention."
        key_heads = self.ratio(f"{column}q.weight", self.size(f"{column}k.weight"))
        told = self.heads(f"{column}q.weight", base.column_heads)
        return replace(
            base,
            num_blocks=self.blocks(f"{block}row_attention.bias.weight"),
            row_heads=self.size(f"{block}row_attention.bias.weight"),
            column_heads=told if key_heads == 1 else key_heads,  # global attention has one head of keys
            starting_heads=self.size(f"{block}triangle_attention_starting.bias.weight"),
            ending_heads=self.size(f"{block}triangle_attention_ending.bias.weight"),
            outer_channels=self.size(f"{block}outer_product_mean.left.weight"),
            outgoing_channels=self.size(f"{block}triangle_multiplication_outgoing.left.weight"),
            incoming_channels=self.size(f"{block}triangle_multiplication_incoming.left.weight"),
            msa_transition_factor=self.factor(f"{block}msa_transition.expand.weight"),
            pair_transition_factor=self.factor(f"{block}pair_transition.expand.weight"),
        )

    def factor(self, name: str) -> int:
        """How much wider a transition is inside."""
        return self.ratio(name, self.size(name, 1))

    def template(self, base: TemplateConfig) -> TemplateConfig | None:
        """Template embedder, if there is one."""
        top = "template_embedder."
        if f"{top}pair.embedding.weight" not in self.found:
            return None
        block = f"{top}pair.blocks.{BLOCK}."
        bins = self.size(f"{top}pair.embedding.weight", 1) - TEMPLATE_FEATURES_BESIDE_BINS
        return replace(
            base,
            channels=self.size(f"{top}pair.embedding.weight"),
            num_blocks=self.blocks(f"{block}pair_transition.norm.weight"),
            starting_heads=self.size(f"{block}triangle_attention_starting.bias.weight"),
            starting_key_channels=self.size(f"{block}triangle_attention_starting.attention.k.weight"),
            ending_heads=self.size(f"{block}triangle_attention_ending.bias.weight"),
            ending_key_channels=self.size(f"{block}triangle_attention_ending.attention.k.weight"),
            outgoing_channels=self.size(f"{block}triangle_multiplication_outgoing.left.weight"),
            incoming_channels=self.size(f"{block}triangle_multiplication_incoming.left.weight"),
            pair_transition_factor=self.factor(f"{block}pair_transition.expand.weight"),
            attention_heads=self.heads(f"{top}pointwise.q.weight", base.attention_heads),
            attention_key_channels=self.size(f"{top}pointwise.k.weight"),
            attention_value_channels=self.size(f"{top}pointwise.v.weight"),
            distances=_bins(base.distances, _positive(bins, "number of template bins")),
            embed_torsions=f"{top}torsions.embed.weight" in self.found,
        )

    def structure(self, base: StructureConfig) -> StructureConfig:
        """Structure module."""
        ipa = "structure_module.ipa."
        heads = self.size(f"{ipa}head_weights")
        scalar_qk, point_qk = self.ratio(f"{ipa}q.weight", heads), self.ratio(f"{ipa}q_points.weight", 3 * heads)
        scalar_kv, point_kv = self.ratio(f"{ipa}kv.weight", heads), self.ratio(f"{ipa}kv_points.weight", 3 * heads)
        return replace(
            base,
            channels=self.size("structure_module.initial.weight"),
            num_heads=heads,
            scalar_qk=scalar_qk,
            scalar_v=_positive(scalar_kv - scalar_qk, "width of the values"),
            point_qk=point_qk,
            point_v=_positive(point_kv - point_qk, "number of value points"),
            transition_layers=self.blocks(f"structure_module.transition.{BLOCK}.weight"),
            sidechain_channels=self.size("structure_module.sidechains.single.weight"),
            sidechain_blocks=self.blocks(f"structure_module.sidechains.blocks.{BLOCK}.first.weight"),
        )

    def output_heads(self, base: HeadsConfig) -> HeadsConfig:
        """Heads; that for the predicted aligned error may be absent."""
        pae = "heads.pae.logits.weight" in self.found
        return replace(
            base,
            distogram=_bins(base.distogram, self.size("heads.distogram.logits.weight")),
            masked_msa_classes=self.size("heads.masked_msa.logits.weight"),
            plddt_channels=self.size("heads.plddt.first.weight"),
            plddt_bins=self.size("heads.plddt.logits.weight"),
            pae=pae,
            pae_bins=self.size("heads.pae.logits.weight") if pae else base.pae_bins,
        )


def _find(rule: Rule, layout: Mapping[str, Shape]) -> Found | None:
    name, blocks = rule.foreign, 1
    if any(mark in name for mark in (BLOCK, BLOCK_FROM_1, REPEAT)):
        blocks = 0
        while number(rule.foreign, blocks) in layout:
            blocks += 1
        name = number(rule.foreign, 0)
    shape = layout.get(name)
    if shape is None:
        return None
    if rule.stacked:
        blocks, shape = (shape[0], shape[1:]) if shape else (0, shape)
    ours, split = rule.transform.our_shape(shape), rule.transform.split
    return None if ours is None else Found(ours, blocks, None if split is None else shape[split])


def _bins(base: BinsConfig, count: int) -> BinsConfig:
    return replace(base, num_bins=count)


def _positive(value: int, what: str) -> int:
    if value < 1:
        raise _foreign(f"{what} {value}")
    return value


def _foreign(found: str) -> InputError:
    action = "use official AlphaFold 2 monomer parameters, OpenFold's, or a checkpoint of this program"
    return InputError("the parameters of an AlphaFold 2 monomer network", found, action)
