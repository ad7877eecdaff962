"""Template pair stack, pointwise attention and torsion rows (Alg. 2, lines 7-13; Alg. 16 and 17; supplement 1.7.1)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import one_hot

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.geometry import atoms, torsions
from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.kernels.ops import Ops
from alphafold_lite.model.batch import QUALITY_CHANNELS, TEMPLATE_CLASSES, Templates
from alphafold_lite.model.config import ModelConfig, TemplateConfig
from alphafold_lite.model.msa import Transition
from alphafold_lite.model.pair import TriangleAttention, TriangleMultiplication
from alphafold_lite.model.primitives import COLUMNS, ROWS, Attention, LayerNorm, Linear, SharedDropout

DISTANCE_EPS = 1e-6  # added to the squared length before a unit vector is taken
TORSION_CHANNELS = TEMPLATE_CLASSES + 7 * 2 + 7 * 2 + 7


def template_pair_features(
    templates: Templates, config: TemplateConfig
) -> Float[Tensor, "*batch N_templ N_res N_res c"]:
    """Distance bins, pseudo-beta mask, residue types of j and i, unit vectors, backbone mask (supplement Table 1); with `hit_quality`, then
    what the search knows of the template, which AlphaFold does not tell its network.

    Everything is zero where either residue lacks a backbone atom, as in AlphaFold's code.
    """
    dtype = templates.atom37.dtype
    bins = config.distances
    distances = atoms.distance_bins(
        templates.pseudo_beta, min_bin=bins.min_bin, max_bin=bins.max_bin, num_bins=bins.num_bins
    )
    both_beta = templates.pseudo_beta_mask[..., :, None] * templates.pseudo_beta_mask[..., None, :]
    letters = one_hot(templates.aatype, TEMPLATE_CLASSES).to(dtype)
    length = letters.shape[-2]
    n, ca, c = (rc.atom_order[name] for name in ("N", "CA", "C"))
    backbone = templates.atom37_mask[..., n] * templates.atom37_mask[..., ca] * templates.atom37_mask[..., c]
    both = backbone[..., :, None] * backbone[..., None, :]
    if config.unit_vectors:
        frames = Rigid.from_three_points(*(templates.atom37[..., a, :] for a in (n, ca, c)))
        local = frames.unsqueeze(-1).invert_apply(frames.translation[..., None, :, :])
        unit = local * both[..., None] * torch.rsqrt(local.square().sum(-1, keepdim=True) + DISTANCE_EPS)
    else:
        unit = both.new_zeros(*both.shape, 3)
    columns = (
        distances,
        both_beta[..., None],
        letters[..., None, :, :].expand(*both.shape, -1),
        letters[..., :, None, :].expand(*both.shape[:-1], length, -1),
        unit,
        both[..., None],
    )
    if config.hit_quality:
        columns = (*columns, _quality(templates)[..., None, None, :].expand(*both.shape, -1))
    return torch.cat(columns, dim=-1) * both[..., None]


def _quality(templates: Templates) -> Float[Tensor, "*batch N_templ 4"]:
    if templates.quality is None:
        return templates.mask.new_zeros(*templates.mask.shape, QUALITY_CHANNELS)
    return templates.quality


class TemplatePairBlock(nn.Module):
    """One block of the template pair stack (Alg. 16, lines 2-6): attention, which the configuration may leave out, then multiplication.

    z `[*, N_res, N_res, c_t]`, mask `[*, N_res, N_res]`; returns the new z.
    """

    def __init__(self, config: TemplateConfig, *, ops: Ops) -> None:
        super().__init__()
        c = config.channels
        self.attends = config.triangle_attention
        if self.attends:
            self.triangle_attention_starting = TriangleAttention(
                c, heads=config.starting_heads, starting=True, key_channels=config.starting_key_channels, ops=ops
            )
            self.triangle_attention_ending = TriangleAttention(
                c, heads=config.ending_heads, starting=False, key_channels=config.ending_key_channels, ops=ops
            )
        self.triangle_multiplication_outgoing = TriangleMultiplication(
            c, channels=config.outgoing_channels, outgoing=True, ops=ops
        )
        self.triangle_multiplication_incoming = TriangleMultiplication(
            c, channels=config.incoming_channels, outgoing=False, ops=ops
        )
        self.pair_transition = Transition(c, factor=config.pair_transition_factor, ops=ops)
        self.drop_rows = SharedDropout(config.pair_dropout, axis=ROWS)
        self.drop_columns = SharedDropout(config.pair_dropout, axis=COLUMNS)

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        if self.attends:
            z = z + self.drop_rows(self.triangle_attention_starting(z, mask))
            z = z + self.drop_columns(self.triangle_attention_ending(z, mask))
        z = z + self.drop_rows(self.triangle_multiplication_outgoing(z, mask))
        z = z + self.drop_rows(self.triangle_multiplication_incoming(z, mask))
        return z + self.pair_transition(z)


class TemplatePairEmbedder(nn.Module):
    """Each template on its own: features, pair stack, normalisation (Alg. 2, lines 9-10; Alg. 16).

    mask `[*, N_res, N_res]` of the query; returns `[*, N_templ, N_res, N_res, c_t]`.
    """

    def __init__(self, config: TemplateConfig, *, ops: Ops) -> None:
        super().__init__()
        self.config = config
        features = config.distances.num_bins + 1 + 2 * TEMPLATE_CLASSES + 3 + 1
        features += QUALITY_CHANNELS if config.hit_quality else 0
        self.embedding = Linear(features, config.channels, init="relu")
        self.blocks = nn.ModuleList(TemplatePairBlock(config, ops=ops) for _ in range(config.num_blocks))
        self.norm = LayerNorm(config.channels)

    def forward(
        self, templates: Templates, mask: Float[Tensor, "*batch N_res N_res"]
    ) -> Float[Tensor, "*batch N_templ N_res N_res c_t"]:
        z = self.embedding(template_pair_features(templates, self.config))
        query_mask = mask[..., None, :, :].expand(z.shape[:-1])
        for block in self.blocks:
            z = block(z, query_mask)
        return self.norm(z)


class TemplateTorsionEmbedder(nn.Module):
    """Rows for the MSA from template torsions (Alg. 2, lines 7-8): returns `[*, N_templ, N_res, c_m]` and their mask."""

    def __init__(self, c_m: int, config: TemplateConfig) -> None:
        super().__init__()
        self.placeholder = config.torsion_placeholder
        self.embed = Linear(TORSION_CHANNELS, c_m, init="relu")
        self.project = Linear(c_m, c_m, init="relu")

    def forward(self, templates: Templates) -> tuple[Tensor, Tensor]:
        angles, alternative, mask = torsions.torsion_angles(
            templates.aatype, templates.atom37, templates.atom37_mask, placeholder=self.placeholder
        )
        letters = one_hot(templates.aatype, TEMPLATE_CLASSES).to(angles.dtype)
        features = torch.cat((letters, angles.flatten(-2), alternative.flatten(-2), mask), dim=-1)
        return self.project(self.embed(features).relu()), mask[..., torsions.PSI]


class TemplateEmbedder(nn.Module):
    """Templates as an update of z and, where configured, as rows of m."""

    def __init__(self, config: ModelConfig, template: TemplateConfig, *, ops: Ops) -> None:
        super().__init__()
        self.ops = ops
        self.pair = TemplatePairEmbedder(template, ops=ops)
        self.pointwise = Attention(
            c_q=config.pair_channels,
            c_kv=template.channels,
            heads=template.attention_heads,
            key_channels=template.attention_key_channels,
            value_channels=template.attention_value_channels,
            gated=False,
            ops=ops,
        )
        self.torsions = TemplateTorsionEmbedder(config.msa_channels, template) if template.embed_torsions else None

    def forward(
        self,
        z: Float[Tensor, "*batch N_res N_res c_z"],
        templates: Templates,
        mask: Float[Tensor, "*batch N_res N_res"],
        pairs: Float[Tensor, "*batch N_templ N_res N_res c_t"] | None = None,
    ) -> Float[Tensor, "*batch N_res N_res c_z"]:
        """Template pointwise attention (Alg. 17): the update of z, zero when no template is there.

        Args:
            pairs: what `pair` gives for these templates; None: it is computed.
        """
        found: Tensor = self.pair(templates, mask) if pairs is None else pairs
        each = found.movedim(-4, -2)  # [*, N_res, N_res, N_templ, c_t]

        def rows(z_rows: Tensor, each_rows: Tensor) -> Tensor:
            # every pair (i, j) is a row of its own with one query and N_templ keys
            queries = z_rows.flatten(-3, -2)[..., None, :]
            keys = each_rows.flatten(-3, -2).unflatten(-1, each.shape[-2:])
            key_mask = templates.mask[..., None, :].expand(keys.shape[:-1])
            out = self.pointwise(queries, keys, key_mask, None)
            return out.squeeze(-2).unflatten(-2, z_rows.shape[-3:-1])

        update = self.ops.by_rows(rows, (z, each.flatten(-2)))
        return update * (templates.mask.sum(-1) > 0).to(update.dtype)[..., None, None, None]
