"""Invariant point attention (Alg. 22)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.model.config import StructureConfig
from alphafold_lite.model.primitives import Linear

NORM_EPS = 1e-8  # under the square root of a point's length
MASKED_LOGIT = 1e5  # subtracted from the logits of masked pairs
LOGIT_TERMS = 3  # scalars, points, pair bias: equal variance each
WEIGHT_START = math.log(math.e - 1)  # softplus of it is 1


class InvariantPointAttention(nn.Module):
    """Attention over scalars, 3-D points and the pair representation, invariant to a global motion (ablations may switch the last two off).

    s `[*, N_res, c_s]`, z `[*, N_res, N_res, c_z]`, frames `[*, N_res]` in units of `position_scale`, mask `[*, N_res]`; returns the
    update of s. Layers that share their parameters may compute `pair_bias(z)` once and give it as `bias`.
    """

    def __init__(self, config: StructureConfig, c_z: int) -> None:
        super().__init__()
        self.config = config
        c, h = config.channels, config.num_heads
        self.q = Linear(c, h * config.scalar_qk)
        self.kv = Linear(c, h * (config.scalar_qk + config.scalar_v))
        self.q_points = Linear(c, 3 * h * config.point_qk)
        self.kv_points = Linear(c, 3 * h * (config.point_qk + config.point_v))
        self.bias = Linear(c_z, h)
        self.head_weights = nn.Parameter(torch.full((h,), WEIGHT_START))
        self.out = Linear(h * (config.scalar_v + 4 * config.point_v + c_z), c, init="zero")

    def forward(
        self,
        s: Float[Tensor, "*batch N_res c_s"],
        z: Float[Tensor, "*batch N_res N_res c_z"],
        frames: Rigid,
        mask: Float[Tensor, "*batch N_res"],
        bias: Float[Tensor, "*batch h N_res N_res"] | None = None,
    ) -> Float[Tensor, "*batch N_res c_s"]:
        cfg = self.config
        q = self.q(s).unflatten(-1, (cfg.num_heads, -1))
        k, v = self.kv(s).unflatten(-1, (cfg.num_heads, -1)).split((cfg.scalar_qk, cfg.scalar_v), dim=-1)
        q_points = self._global_points(self.q_points(s), frames)
        k_points, v_points = self._global_points(self.kv_points(s), frames).split((cfg.point_qk, cfg.point_v), dim=-2)
        logits = self._logits(q, k, q_points, k_points)
        if cfg.pair_bias:
            logits = logits + (self.pair_bias(z) if bias is None else bias)
        both = mask[..., :, None] * mask[..., None, :]
        weights = (logits - MASKED_LOGIT * (1 - both[..., None, :, :])).softmax(-1)  # [*, h, N_res, N_res]

        scalars = torch.einsum("...hij,...jhc->...ihc", weights, v)
        points = torch.einsum("...hij,...jhpx->...ihpx", weights, v_points)
        local = frames.unsqueeze(-1).unsqueeze(-1).invert_apply(points).flatten(-3, -2)  # [*, N_res, h p, 3]
        norms = torch.sqrt(local.square().sum(-1) + NORM_EPS)
        pairs = torch.einsum("...hij,...ijc->...ihc", weights, z)
        features = (scalars.flatten(-2), *local.unbind(-1), norms, pairs.flatten(-2))
        return self.out(torch.cat(features, dim=-1))

    def pair_bias(self, z: Float[Tensor, "*batch N_res N_res c_z"]) -> Float[Tensor, "*batch h N_res N_res"]:
        """What the pair representation adds to the logits."""
        return math.sqrt(1 / LOGIT_TERMS) * self.bias(z).movedim(-1, -3)

    def _global_points(self, projected: Tensor, frames: Rigid) -> Float[Tensor, "*batch N_res h p 3"]:
        """All x, then all y, then all z, as the official parameters lay them out; moved to the global frame."""
        local = projected.unflatten(-1, (3, self.config.num_heads, -1)).movedim(-3, -1)
        return frames.unsqueeze(-1).unsqueeze(-1).apply(local)

    def _logits(
        self, q: Tensor, k: Tensor, q_points: Tensor, k_points: Tensor
    ) -> Float[Tensor, "*batch h N_res N_res"]:
        cfg = self.config
        scalar_weight = math.sqrt(1 / (LOGIT_TERMS * max(cfg.scalar_qk, 1)))
        point_weight = math.sqrt(1 / (LOGIT_TERMS * max(cfg.point_qk, 1) * 9 / 2))
        head = 0.5 * point_weight * softplus(self.head_weights)
        logits = scalar_weight * torch.einsum("...ihc,...jhc->...hij", q, k)
        if cfg.points:
            q_all, k_all = (
                (head.sqrt()[:, None, None] * p).transpose(-3, -4).flatten(-2) for p in (q_points, k_points)
            )
            logits = logits - self.squared_distances(q_all, k_all)
        return logits

    @staticmethod
    def squared_distances(
        a: Float[Tensor, "*batch N_res c"], b: Float[Tensor, "*batch N_res c"]
    ) -> Float[Tensor, "*batch N_res N_res"]:
        """Of all pairs, summed over the points of a head."""
        return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square()
