"""Updates of the pair representation: outer product mean, triangle updates (Alg. 10-14); the pair transition is `msa.Transition`."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from alphafold_lite.kernels.ops import Ops
from alphafold_lite.model.primitives import Attention, LayerNorm, Linear

COUNT_EPS = 1e-3  # added to the number of rows that both residues share


class OuterProductMean(nn.Module):
    """Outer product mean (Alg. 10): m `[*, N_seq, N_res, c_m]`, mask `[*, N_seq, N_res]` -> update of z `[*, N_res, N_res, c_z]`.

    As in AlphaFold's code, the mean divides by the number of unmasked rows plus 1e-3, after the bias was added.
    """

    def __init__(self, c_m: int, c_z: int, *, channels: int, ops: Ops) -> None:
        super().__init__()
        self.ops = ops
        self.norm = LayerNorm(c_m)
        self.left = Linear(c_m, channels)
        self.right = Linear(c_m, channels)
        self.out = Linear(channels * channels, c_z, init="zero")

    def forward(
        self, m: Float[Tensor, "*batch N_seq N_res c_m"], mask: Float[Tensor, "*batch N_seq N_res"]
    ) -> Float[Tensor, "*batch N_res N_res c_z"]:
        x = self.norm(m)
        left, right = mask[..., None] * self.left(x), mask[..., None] * self.right(x)
        count = mask.transpose(-1, -2) @ mask
        outer = self.ops.outer_product(left, right, self.out)
        return outer / (COUNT_EPS + count[..., None])


class TriangleMultiplication(nn.Module):
    """Triangular multiplicative update with outgoing (Alg. 11) or incoming (Alg. 12) edges.

    z `[*, N_res, N_res, c_z]`, mask `[*, N_res, N_res]`; returns the update of z. Outgoing: left[i, k] right[j, k]; incoming:
    left[k, j] right[k, i], the order of AlphaFold's code, which the names of the official parameters follow.
    """

    def __init__(self, c_z: int, *, channels: int, outgoing: bool, ops: Ops) -> None:
        super().__init__()
        self.ops, self.outgoing = ops, outgoing
        self.norm_in = LayerNorm(c_z)
        self.left = Linear(c_z, channels)
        self.right = Linear(c_z, channels)
        self.left_gate = Linear(c_z, channels, init="gate")
        self.right_gate = Linear(c_z, channels, init="gate")
        self.norm_out = LayerNorm(channels)
        self.out = Linear(channels, c_z, init="zero")
        self.gate = Linear(c_z, c_z, init="gate")

    def forward(
        self, z: Float[Tensor, "*batch N_res N_res c_z"], mask: Float[Tensor, "*batch N_res N_res"]
    ) -> Float[Tensor, "*batch N_res N_res c_z"]:
        x = self.norm_in(z)
        edges = mask[..., None]
        left = edges * self.left(x) * torch.sigmoid(self.left_gate(x))
        right = edges * self.right(x) * torch.sigmoid(self.right_gate(x))
        if self.outgoing:
            product = self.ops.triangle_product(left, right)
        else:
            product = self.ops.triangle_product(right.transpose(-2, -3), left.transpose(-2, -3))
        return self.out(self.norm_out(product)) * torch.sigmoid(self.gate(x))


class TriangleAttention(nn.Module):
    """Triangular self-attention around the starting (Alg. 13) or ending node (Alg. 14).

    z `[*, N_res, N_res, c_z]`, mask `[*, N_res, N_res]`; returns the update of z. The ending node is the starting node on zᵀ.
    """

    def __init__(self, c_z: int, *, heads: int, starting: bool, ops: Ops, key_channels: int | None = None) -> None:
        super().__init__()
        self.ops, self.starting = ops, starting
        self.norm = LayerNorm(c_z)
        self.bias = Linear(c_z, heads, bias=False)
        self.attention = Attention(
            c_q=c_z,
            c_kv=c_z,
            heads=heads,
            key_channels=c_z if key_channels is None else key_channels,
            value_channels=c_z,
            gated=True,
            ops=ops,
        )

    def forward(
        self, z: Float[Tensor, "*batch N_res N_res c_z"], mask: Float[Tensor, "*batch N_res N_res"]
    ) -> Float[Tensor, "*batch N_res N_res c_z"]:
        if not self.starting:
            z, mask = z.transpose(-2, -3), mask.transpose(-1, -2)
        x = self.norm(z)
        bias = self.bias(x).movedim(-1, -3)

        def rows(x_rows: Tensor, mask_rows: Tensor) -> Tensor:
            return self.attention(x_rows, x_rows, mask_rows[..., 0], bias)

        update = self.ops.by_rows(rows, (x, mask[..., None]))
        return update if self.starting else update.transpose(-2, -3)
