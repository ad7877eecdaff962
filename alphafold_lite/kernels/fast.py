"""Fused attention and row blocks: no `[N, heads, N, N]` temporary, working memory bounded by a budget."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from alphafold_lite.kernels.ops import Ops
from alphafold_lite.kernels.reference import MASKED_LOGIT

MIB = 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class FastKernels:
    """The operations with a budget (bytes) for the largest temporary each may make."""

    budget: int

    def attention(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, bias: Tensor | None) -> Tensor:
        """Fused softmax attention: one leading batch entry at a time, in blocks of rows."""
        lead = q.shape[:-4]
        if not lead:
            return self._entry(q, k, v, mask, bias)
        flat_q, flat_k, flat_v, flat_mask = (t.flatten(0, len(lead) - 1) for t in (q, k, v, mask))
        flat_bias = None if bias is None else bias.flatten(0, len(lead) - 1)
        results = [
            self._entry(flat_q[i], flat_k[i], flat_v[i], flat_mask[i], None if flat_bias is None else flat_bias[i])
            for i in range(lead.numel())
        ]
        return torch.stack(results).unflatten(0, lead)

    def _entry(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, bias: Tensor | None) -> Tensor:
        rows, heads, queries, keys = q.shape[0], q.shape[1], q.shape[2], k.shape[2]
        if bias is not None:
            bias = bias.to(q.dtype)
        if bool((mask > 0).all()):
            shared = None if bias is None else bias.expand(rows, heads, queries, keys)
            return scaled_dot_product_attention(q, k, v, attn_mask=shared, scale=1.0)
        block = self._rows((1 if bias is None else heads * queries) * keys * q.element_size(), rows)
        out: list[Tensor] = []
        for i in range(0, rows, block):
            keep = (MASKED_LOGIT * (mask[i : i + block, None, None, :] - 1)).to(q.dtype)
            keep = keep.expand(-1, heads, queries, keys) if bias is None else keep + bias
            out.append(scaled_dot_product_attention(*(t[i : i + block] for t in (q, k, v)), attn_mask=keep, scale=1.0))
        return torch.cat(out)

    def by_rows(self, fn: Callable[..., Tensor], tensors: tuple[Tensor, ...]) -> Tensor:
        """Blocks of rows; with gradients everything at once, since blocks would save no memory."""
        first = tensors[0]
        rows = first.shape[-3]
        bytes_per_row = 8 * first.element_size() * first.numel() // max(rows, 1)
        block = self._rows(bytes_per_row, rows)
        if block >= rows or torch.is_grad_enabled():
            return fn(*tensors)
        parts = [fn(*(t.narrow(-3, i, min(block, rows - i)) for t in tensors)) for i in range(0, rows, block)]
        return torch.cat(parts, dim=-3)

    def triangle_product(self, a: Tensor, b: Tensor) -> Tensor:
        """One matrix product a channel."""
        product = a.movedim(-1, -3) @ b.movedim(-1, -3).transpose(-1, -2)
        return product.movedim(-3, -1)

    def outer_product(self, left: Tensor, right: Tensor, project: Callable[[Tensor], Tensor]) -> Tensor:
        """One matrix product a block of residues i, projected before the next block is made."""
        length, c, d = left.shape[-2], left.shape[-1], right.shape[-1]
        columns = right.flatten(-2)  # [*, S, N d]
        block = self._rows(2 * length * c * d * left.element_size() * left.shape[:-3].numel(), length)
        parts: list[Tensor] = []
        for i in range(0, length, block):
            rows = left[..., i : i + block, :].flatten(-2).transpose(-1, -2)  # [*, r c, S]
            outer = (rows @ columns).unflatten(-1, (length, d)).unflatten(-3, (-1, c))
            parts.append(project(outer.transpose(-3, -2).flatten(-2)))
        return torch.cat(parts, dim=-3)

    def _rows(self, bytes_per_row: int, rows: int) -> int:
        return max(1, min(rows, self.budget // max(bytes_per_row, 1)))


def fast(*, budget_mib: int = 128) -> Ops:
    """Fused attention and row blocks within `budget_mib` of working memory an operation."""
    kernels = FastKernels(budget=budget_mib * MIB)
    return Ops(
        name=f"fast({budget_mib} MiB)",
        attention=kernels.attention,
        by_rows=kernels.by_rows,
        triangle_product=kernels.triangle_product,
        outer_product=kernels.outer_product,
    )
