"""Single building blocks: `modules/NAME.npz` holds inputs, parameters and outputs of one class of the reference."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from alphafold_lite.geometry import atoms, frames, torsions
from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.kernels.fast import fast
from alphafold_lite.kernels.ops import Ops
from alphafold_lite.model.config import ModelConfig
from alphafold_lite.model.embedders import relative_positions
from alphafold_lite.model.evoformer import Block
from alphafold_lite.model.msa import ColumnAttention, ColumnGlobalAttention, RowAttention, Transition
from alphafold_lite.model.pair import OuterProductMean, TriangleAttention, TriangleMultiplication
from alphafold_lite.model.structure.backbone import update_frames
from alphafold_lite.model.structure.ipa import InvariantPointAttention
from alphafold_lite.model.structure.module import StructureModule
from alphafold_lite.model.templates import TemplateEmbedder, TemplatePairEmbedder
from alphafold_lite.parity.haiku_config import model_config
from alphafold_lite.parity.model_cases import affine, recorded_templates, rigid, sidechain_arrays, to_numpy
from alphafold_lite.parity.produced import Context, Produced
from alphafold_lite.weights.convert import load_module
from alphafold_lite.weights.name_map import rules_for
from alphafold_lite.weights.npz import read_npz

Arrays = Mapping[str, np.ndarray]
Outputs = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """One file: its arrays, the configuration of the folder, and how to compute."""

    arrays: Arrays
    config: ModelConfig
    context: Context
    ops: Ops

    def real(self, name: str) -> Tensor:
        """Input `in:NAME`, floating point."""
        return torch.as_tensor(self.arrays[f"in:{name}"], device=self.context.device).to(self.context.dtype)

    def whole(self, name: str) -> Tensor:
        """Input `in:NAME`, integers."""
        return torch.as_tensor(self.arrays[f"in:{name}"], device=self.context.device).to(torch.int64)

    def load(self, module: nn.Module, kind: str) -> nn.Module:
        """The module with the file's parameters, in evaluation mode."""
        parameters = {k.removeprefix("param:"): v for k, v in self.arrays.items() if k.startswith("param:")}
        scope = next(iter(parameters)).split("//")[0].split("/")[0]
        module = module.to(self.context.device, self.context.dtype).eval()
        load_module(module, parameters, rules_for(kind, scope))
        return module

    def templates(self) -> Mapping[str, np.ndarray]:
        """Template inputs without the `in:`; a single template gets the axis of templates."""
        found = {k.removeprefix("in:"): v for k, v in self.arrays.items() if k.startswith("in:template_")}
        single = found["template_aatype"].ndim == 1
        return {k: v[None] if single else v for k, v in found.items()}


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


def _atom_layouts(r: Recorded) -> Outputs:
    """The file names no residue types; its index arrays are what the tables give, so they are used as they are."""
    to37, to14 = r.whole("residx_atom14_to_atom37"), r.whole("residx_atom37_to_atom14")
    atom14 = atoms.take_atoms(r.real("atom37"), to37) * r.real("atom14_atom_exists")[..., None]
    return {"atom14": atom14, "back": atoms.take_atoms(atom14, to14) * r.real("atom37_atom_exists")[..., None]}


def _group_frames(r: Recorded) -> Outputs:
    found = frames.atom37_to_frames(r.whole("aatype"), r.real("all_atom_positions"), r.real("all_atom_mask"))

    def flat(group: Rigid) -> Tensor:
        return torch.cat((group.rotation.flatten(-2), group.translation), dim=-1)

    return {
        "rigidgroups_gt_frames": flat(found.frames),
        "rigidgroups_alt_gt_frames": flat(found.alternative),
        "rigidgroups_gt_exists": found.exists,
        "rigidgroups_group_exists": found.group_exists,
        "rigidgroups_group_is_ambiguous": found.is_ambiguous,
    }


def _torsion_angles(*, placeholder: bool) -> Callable[[Recorded], Outputs]:
    def case(r: Recorded) -> Outputs:
        angles, alternative, mask = torsions.torsion_angles(
            r.whole("aatype"), r.real("all_atom_pos"), r.real("all_atom_mask"), placeholder=placeholder
        )
        return {
            "torsion_angles_sin_cos": angles,
            "alt_torsion_angles_sin_cos": alternative,
            "torsion_angles_mask": mask,
        }

    return case


def _torsions_to_frames(r: Recorded) -> Outputs:
    aatype = r.whole("aatype")
    groups = torsions.torsions_to_frames(rigid(r.real("affine")), r.real("angles"), aatype)
    return {
        "frames_rot": groups.rotation.flatten(-2),
        "frames_trans": groups.translation,
        "atom14_positions": torsions.frames_to_atom14(groups, aatype),
    }


def _distance_bins(r: Recorded) -> Outputs:
    positions, outputs = r.real("positions"), {"recycle_15": r.config.recycling_distances}
    if r.config.template is not None:
        outputs["template_39"] = r.config.template.distances
    return {
        name: atoms.distance_bins(positions, min_bin=b.min_bin, max_bin=b.max_bin, num_bins=b.num_bins)
        for name, b in outputs.items()
    }


def _quat_affine(r: Recorded) -> Outputs:
    start = rigid(r.real("affine"))
    moved = update_frames(start, r.real("update"))
    points = r.real("points")
    return {
        "rotation": start.rotation,
        "applied": start.unsqueeze(-1).apply(points),
        "inverted": start.unsqueeze(-1).invert_apply(points),
        "pre_composed_affine": affine(moved),
        "pre_composed_rotation": moved.rotation,
        "scaled": affine(start.scaled(10.0)),
    }


def _backbone_frames(r: Recorded) -> Outputs:
    found = Rigid.from_three_points(r.real("n_xyz"), r.real("ca_xyz"), r.real("c_xyz"))
    return {"rot": found.rotation, "trans": found.translation}


def _pseudo_beta(r: Recorded) -> Outputs:
    aatype = r.whole("aatype")
    return {
        "pseudo_beta": atoms.pseudo_beta(aatype, r.real("p")),
        "mask": atoms.pseudo_beta_mask(aatype, r.real("m")),
    }


def _relative_positions(r: Recorded) -> Outputs:
    return {"out": relative_positions(r.whole("residue_index"), r.config.max_relative).to(r.context.dtype)}


CASES: dict[str, Callable[[Recorded], Outputs]] = {
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
    "atom37_atom14": _atom_layouts,
    "atom37_to_frames": _group_frames,
    "atom37_to_torsion_angles": _torsion_angles(placeholder=False),
    "atom37_to_torsion_angles_placeholder": _torsion_angles(placeholder=True),
    "torsion_angles_to_frames": _torsions_to_frames,
    "dgram_from_positions": _distance_bins,
    "quat_affine": _quat_affine,
    "make_transform_from_reference": _backbone_frames,
    "pseudo_beta": _pseudo_beta,
    "relative_position_one_hot": _relative_positions,
}
