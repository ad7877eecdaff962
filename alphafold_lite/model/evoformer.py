"""Evoformer and extra-MSA stacks (Alg. 6 and 18)."""

from jaxtyping import Float
from torch import Tensor, nn

from alphafold_lite.kernels.ops import Ops
from alphafold_lite.model.config import ModelConfig, StackConfig
from alphafold_lite.model.msa import ColumnAttention, ColumnGlobalAttention, RowAttention, Transition
from alphafold_lite.model.pair import OuterProductMean, TriangleAttention, TriangleMultiplication
from alphafold_lite.model.primitives import COLUMNS, ROWS, Linear, SharedDropout


class Block(nn.Module):
    """One block: MSA updates, communication, triangle updates (Alg. 6, lines 2-10). `extra` takes global column attention (Alg. 18).

    m `[*, N_seq, N_res, c_m]`, z `[*, N_res, N_res, c_z]`, masks alike; returns the new m and z. The configuration may leave triangle
    updates out; the official models have them all.
    """

    def __init__(
        self, c_m: int, c_z: int, config: StackConfig, *, extra: bool, ops: Ops, triangle_attention: bool = True
    ) -> None:
        super().__init__()
        self.row_attention = RowAttention(c_m, c_z, heads=config.row_heads, ops=ops)
        column = ColumnGlobalAttention if extra else ColumnAttention
        self.column_attention = column(c_m, heads=config.column_heads, ops=ops)
        self.msa_transition = Transition(c_m, factor=config.msa_transition_factor, ops=ops)
        self.outer_product_mean = OuterProductMean(c_m, c_z, channels=config.outer_channels, ops=ops)
        if config.triangle_multiplication:
            self.triangle_multiplication_outgoing = TriangleMultiplication(
                c_z, channels=config.outgoing_channels, outgoing=True, ops=ops
            )
            self.triangle_multiplication_incoming = TriangleMultiplication(
                c_z, channels=config.incoming_channels, outgoing=False, ops=ops
            )
        if triangle_attention:
            self.triangle_attention_starting = TriangleAttention(
                c_z, heads=config.starting_heads, starting=True, ops=ops
            )
            self.triangle_attention_ending = TriangleAttention(c_z, heads=config.ending_heads, starting=False, ops=ops)
        self.pair_transition = Transition(c_z, factor=config.pair_transition_factor, ops=ops)
        self.multiplies, self.attends = config.triangle_multiplication, triangle_attention
        self.drop_msa = SharedDropout(config.msa_dropout, axis=ROWS)
        self.drop_rows = SharedDropout(config.pair_dropout, axis=ROWS)
        self.drop_columns = SharedDropout(config.pair_dropout, axis=COLUMNS)

    def forward(
        self,
        m: Float[Tensor, "*batch N_seq N_res c_m"],
        z: Float[Tensor, "*batch N_res N_res c_z"],
        msa_mask: Float[Tensor, "*batch N_seq N_res"],
        pair_mask: Float[Tensor, "*batch N_res N_res"],
    ) -> tuple[Tensor, Tensor]:
        m = self.update_msa(m, z, msa_mask)
        z = z + self.outer_product_mean(m, msa_mask)
        if self.multiplies:
            z = z + self.drop_rows(self.triangle_multiplication_outgoing(z, pair_mask))
            z = z + self.drop_rows(self.triangle_multiplication_incoming(z, pair_mask))
        if self.attends:
            z = z + self.drop_rows(self.triangle_attention_starting(z, pair_mask))
            z = z + self.drop_columns(self.triangle_attention_ending(z, pair_mask))
        return m, z + self.pair_transition(z)

    def update_msa(self, m: Tensor, z: Tensor, msa_mask: Tensor) -> Tensor:
        """The new m (lines 2-4); shapes as in `forward`."""
        m = m + self.drop_msa(self.row_attention(m, z, msa_mask))
        m = m + self.column_attention(m, msa_mask)
        return m + self.msa_transition(m)


def _blocks(c_m: int, c_z: int, config: StackConfig, *, extra: bool, ops: Ops) -> nn.ModuleList:
    return nn.ModuleList(
        Block(c_m, c_z, config, extra=extra, ops=ops, triangle_attention=config.has_triangle_attention(i))
        for i in range(config.num_blocks)
    )


class ExtraMsaStack(nn.Module):
    """Stack over the extra MSA (Alg. 18); returns z `[*, N_res, N_res, c_z]`."""

    def __init__(self, config: ModelConfig, *, ops: Ops) -> None:
        super().__init__()
        self.blocks = _blocks(config.extra_msa_channels, config.pair_channels, config.extra_msa, extra=True, ops=ops)

    def forward(self, m: Tensor, z: Tensor, msa_mask: Tensor, pair_mask: Tensor) -> Tensor:
        for block in self.blocks:
            m, z = block(m, z, msa_mask, pair_mask)
        return z


class Evoformer(nn.Module):
    """The trunk (Alg. 6); returns m, z and the single representation `[*, N_res, c_s]`."""

    def __init__(self, config: ModelConfig, *, ops: Ops) -> None:
        super().__init__()
        self.blocks = _blocks(config.msa_channels, config.pair_channels, config.evoformer, extra=False, ops=ops)
        self.single = Linear(config.msa_channels, config.single_channels)

    def forward(
        self, m: Tensor, z: Tensor, msa_mask: Tensor, pair_mask: Tensor
    ) -> tuple[Tensor, Tensor, Float[Tensor, "*batch N_res c_s"]]:
        for block in self.blocks:
            m, z = block(m, z, msa_mask, pair_mask)
        return m, z, self.single(m[..., 0, :, :])
