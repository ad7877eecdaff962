"""Updates of the MSA representation: row, column and global column attention, transition (Alg. 7, 8, 9, 19)."""

from jaxtyping import Float
from torch import Tensor, nn

from alphafold_lite.kernels.ops import Ops
from alphafold_lite.model.primitives import Attention, GlobalAttention, LayerNorm, Linear


class RowAttention(nn.Module):
    """MSA row-wise gated self-attention with pair bias (Alg. 7).

    m `[*, N_seq, N_res, c_m]`, z `[*, N_res, N_res, c_z]`, mask `[*, N_seq, N_res]`; returns the update of m.
    """

    def __init__(self, c_m: int, c_z: int, *, heads: int, ops: Ops) -> None:
        super().__init__()
        self.ops = ops
        self.norm = LayerNorm(c_m)
        self.norm_z = LayerNorm(c_z)
        self.bias = Linear(c_z, heads, bias=False)
        self.attention = Attention(
            c_q=c_m, c_kv=c_m, heads=heads, key_channels=c_m, value_channels=c_m, gated=True, ops=ops
        )

    def forward(
        self,
        m: Float[Tensor, "*batch N_seq N_res c_m"],
        z: Float[Tensor, "*batch N_res N_res c_z"],
        mask: Float[Tensor, "*batch N_seq N_res"],
    ) -> Float[Tensor, "*batch N_seq N_res c_m"]:
        bias = self.bias(self.norm_z(z)).movedim(-1, -3)

        def rows(m_rows: Tensor, mask_rows: Tensor) -> Tensor:
            x = self.norm(m_rows)
            return self.attention(x, x, mask_rows[..., 0], bias)

        return self.ops.by_rows(rows, (m, mask[..., None]))


class ColumnAttention(nn.Module):
    """MSA column-wise gated self-attention (Alg. 8). Shapes as `RowAttention`, without z."""

    def __init__(self, c_m: int, *, heads: int, ops: Ops) -> None:
        super().__init__()
        self.ops = ops
        self.norm = LayerNorm(c_m)
        self.attention = Attention(
            c_q=c_m, c_kv=c_m, heads=heads, key_channels=c_m, value_channels=c_m, gated=True, ops=ops
        )

    def forward(
        self, m: Float[Tensor, "*batch N_seq N_res c_m"], mask: Float[Tensor, "*batch N_seq N_res"]
    ) -> Float[Tensor, "*batch N_seq N_res c_m"]:
        def columns(m_columns: Tensor, mask_columns: Tensor) -> Tensor:
            x = self.norm(m_columns)
            return self.attention(x, x, mask_columns[..., 0], None)

        by_column = (m.transpose(-2, -3), mask.transpose(-1, -2)[..., None])
        return self.ops.by_rows(columns, by_column).transpose(-2, -3)


class ColumnGlobalAttention(nn.Module):
    """MSA column-wise global gated self-attention (Alg. 19). Shapes as `ColumnAttention`."""

    def __init__(self, c_e: int, *, heads: int, ops: Ops) -> None:
        super().__init__()
        self.ops = ops
        self.norm = LayerNorm(c_e)
        self.attention = GlobalAttention(channels=c_e, heads=heads)

    def forward(
        self, m: Float[Tensor, "*batch N_seq N_res c_e"], mask: Float[Tensor, "*batch N_seq N_res"]
    ) -> Float[Tensor, "*batch N_seq N_res c_e"]:
        def columns(m_columns: Tensor, mask_columns: Tensor) -> Tensor:
            return self.attention(self.norm(m_columns), mask_columns[..., 0])

        by_column = (m.transpose(-2, -3), mask.transpose(-1, -2)[..., None])
        return self.ops.by_rows(columns, by_column).transpose(-2, -3)


class Transition(nn.Module):
    """Two-layer perceptron on every entry (Alg. 9 on the MSA, Alg. 15 on the pair representation). x `[*, R, L, c]`."""

    def __init__(self, channels: int, *, factor: int, ops: Ops) -> None:
        super().__init__()
        self.ops = ops
        self.norm = LayerNorm(channels)
        self.expand = Linear(channels, factor * channels, init="relu")
        self.contract = Linear(factor * channels, channels, init="zero")

    def forward(self, x: Float[Tensor, "*batch R L c"]) -> Float[Tensor, "*batch R L c"]:
        return self.ops.by_rows(lambda rows: self.contract(self.expand(self.norm(rows)).relu()), (x,))
