"""Single building blocks: `modules/NAME.npz` holds inputs, parameters and outputs of one class of the reference."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import nn

from alphafold_lite.geometry import atoms
from alphafold_lite.kernels.fast import fast
from alphafold_lite.model.config import ModelConfig
from alphafold_lite.model.evoformer import Block
from alphafold_lite.model.msa import ColumnAttention, ColumnGlobalAttention, RowAttention, Transition
from alphafold_lite.model.pair import OuterProductMean, TriangleAttention, TriangleMultiplication
from alphafold_lite.model.structure.ipa import InvariantPointAttention
from alphafold_lite.model.structure.module import StructureModule
from alphafold_lite.model.templates import TemplateEmbedder, TemplatePairEmbedder
from alphafold_lite.parity.geometry_cases import GEOMETRY_CASES
from alphafold_lite.parity.haiku_config import model_config
from alphafold_lite.parity.model_cases import affine, recorded_templates, rigid, sidechain_arrays, to_numpy
from alphafold_lite.parity.produced import Context, Produced
from alphafold_lite.parity.recorded import Outputs, Recorded
from alphafold_lite.weights.npz import read_npz


def module_arrays(folder: Path, context: Context) -> Iterator[Produced]:
    """Every output of the files of a `modules` folder that a case below knows."""
    config = model_config(json.loads((folder / "config.json").read_text("utf-8"))["config"])
    for path in sorted(folder.glob("*.npz")):
        case = CASES.get(path.stem)
        if case is None:
            continue
        recorded = Recorded(arrays=read_npz(path), config=config, context=context, ops=fast())
        with torch.no_grad():
            outputs = case(recorded)
        for name, value in outputs.items():
            yield Produced(path.name, f"out:{name}", to_numpy(value))


def _row_attention(r: Recorded) -> Outputs:
    m, z = r.real("msa"), r.real("pair")
    module = RowAttention(m.shape[-1], z.shape[-1], heads=r.config.evoformer.row_heads, ops=r.ops)
    return {"out": r.load(module, "row_attention")(m, z, r.real("mask"))}


def _column_attention(r: Recorded) -> Outputs:
    m = r.real("msa")
    module = ColumnAttention(m.shape[-1], heads=r.config.evoformer.column_heads, ops=r.ops)
    return {"out": r.load(module, "column_attention")(m, r.real("mask"))}


def _column_global_attention(r: Recorded) -> Outputs:
    m = r.real("msa")
    module = ColumnGlobalAttention(m.shape[-1], heads=r.config.extra_msa.column_heads, ops=r.ops)
    return {"out": r.load(module, "column_global_attention")(m, r.real("mask"))}


def _transition(factor: Callable[[ModelConfig], int]) -> Callable[[Recorded], Outputs]:
    def case(r: Recorded) -> Outputs:
        x = r.real("act")
        return {"out": r.load(Transition(x.shape[-1], factor=factor(r.config), ops=r.ops), "transition")(x)}

    return case


def _outer_product_mean(r: Recorded) -> Outputs:
    m = r.real("act")
    module = OuterProductMean(
        m.shape[-1], r.config.pair_channels, channels=r.config.evoformer.outer_channels, ops=r.ops
    )
    return {"out": r.load(module, "outer_product_mean")(m, r.real("mask"))}


def _triangle_multiplication(*, outgoing: bool) -> Callable[[Recorded], Outputs]:
    def case(r: Recorded) -> Outputs:
        z, stack = r.real("act"), r.config.evoformer
        channels = stack.outgoing_channels if outgoing else stack.incoming_channels
        module = TriangleMultiplication(z.shape[-1], channels=channels, outgoing=outgoing, ops=r.ops)
        return {"out": r.load(module, "triangle_multiplication")(z, r.real("mask"))}

    return case


def _triangle_attention(*, starting: bool) -> Callable[[Recorded], Outputs]:
    def case(r: Recorded) -> Outputs:
        z, stack = r.real("act"), r.config.evoformer
        heads = stack.starting_heads if starting else stack.ending_heads
        module = TriangleAttention(z.shape[-1], heads=heads, starting=starting, ops=r.ops)
        return {"out": r.load(module, "triangle_attention")(z, r.real("mask"))}

    return case


def _block(*, extra: bool) -> Callable[[Recorded], Outputs]:
    def case(r: Recorded) -> Outputs:
        m, z = r.real("msa"), r.real("pair")
        stack = r.config.extra_msa if extra else r.config.evoformer
        module = Block(m.shape[-1], z.shape[-1], stack, extra=extra, ops=r.ops)
        kind = "extra_msa_block" if extra else "evoformer_block"
        m, z = r.load(module, kind)(m, z, r.real("msa_mask"), r.real("pair_mask"))
        return {"msa": m, "pair": z}

    return case


def _single_template(r: Recorded) -> Outputs:
    assert r.config.template is not None
    templates = recorded_templates(r.templates(), r.context.device, r.context.dtype)
    module = r.load(TemplatePairEmbedder(r.config.template, ops=r.ops), "template_pair")
    return {"out": module(templates, r.real("mask_2d"))[0]}


def _template_embedding(r: Recorded) -> Outputs:
    assert r.config.template is not None
    templates = recorded_templates(r.templates(), r.context.device, r.context.dtype)
    embedder = TemplateEmbedder(r.config, r.config.template, ops=r.ops)
    embedder.torsions = None  # the torsion rows are parameters of the trunk there
    module = r.load(embedder, "template_embedding")
    return {"out": module(r.real("query"), templates, r.real("mask_2d"))}


def _ipa(r: Recorded) -> Outputs:
    module = r.load(InvariantPointAttention(r.config.structure, r.config.pair_channels), "ipa")
    s, z, mask = r.real("inputs_1d"), r.real("inputs_2d"), r.real("mask")[..., 0]
    return {"out": module(s, z, rigid(r.real("affine")), mask)}


def _fold_iteration(r: Recorded) -> Outputs:
    structure = StructureModule(r.config)
    for unused in ("norm_s", "norm_z", "initial"):
        setattr(structure, unused, nn.Identity())
    r.load(structure, "fold_iteration")
    s, moved, sidechains = structure.layer(
        r.real("act"),
        r.real("initial_act"),
        r.real("static_feat_2d"),
        rigid(r.real("affine")),
        aatype=r.whole("aatype"),
        mask=r.real("mask")[..., 0],
    )
    named = {f"sidechains/{k}": v[0] for k, v in sidechain_arrays((sidechains,)).items()}
    return {"act": s, "affine": affine(moved), **named}


def _structure_module(r: Recorded) -> Outputs:
    structure = StructureModule(r.config)
    r.load(structure, "structure_module")
    aatype, mask = r.whole("aatype"), r.real("seq_mask")
    result = structure(r.real("single"), r.real("pair"), aatype, mask)
    atom14 = result.sidechains[-1].atom14 * mask[..., None, None]
    return {
        "act": result.single,
        "final_atom14_positions": atom14,
        "final_atom_positions": atoms.atom14_to_atom37(atom14, aatype, mask),
        "traj": torch.stack([affine(f) for f in result.frames]),
        **{f"sidechains/{k}": v for k, v in sidechain_arrays(result.sidechains).items()},
    }


CASES: dict[str, Callable[[Recorded], Outputs]] = {
    **GEOMETRY_CASES,
    "msa_row_attention_with_pair_bias": _row_attention,
    "msa_row_attention_with_pair_bias_extra": _row_attention,
    "msa_column_attention": _column_attention,
    "msa_column_global_attention": _column_global_attention,
    "msa_transition": _transition(lambda c: c.evoformer.msa_transition_factor),
    "pair_transition": _transition(lambda c: c.evoformer.pair_transition_factor),
    "outer_product_mean": _outer_product_mean,
    "triangle_multiplication_outgoing": _triangle_multiplication(outgoing=True),
    "triangle_multiplication_incoming": _triangle_multiplication(outgoing=False),
    "triangle_attention_starting_node": _triangle_attention(starting=True),
    "triangle_attention_ending_node": _triangle_attention(starting=False),
    "evoformer_iteration": _block(extra=False),
    "extra_msa_iteration": _block(extra=True),
    "single_template_embedding": _single_template,
    "template_embedding": _template_embedding,
    "invariant_point_attention": _ipa,
    "fold_iteration": _fold_iteration,
    "structure_module": _structure_module,
}
