"""The `Ops` bundle that layers are built with. How memory is spent is decided here, once; layers do not know.

Shapes of the operations:

* `attention(q, k, v, mask, bias)`: q `[*, R, h, L, d]`, k and v `[*, R, h, L, d]`, mask `[*, R, L]` (1 = key is kept) and bias
  `[*, h, L, L]` or None, shared by the R rows; returns `[*, R, h, L, d]`. q is already scaled.
* `by_rows(fn, tensors)`: `fn(*tensors)`, where every tensor has the row axis third from the end and rows do not see each other.
* `triangle_product(a, b)`: a, b `[*, N, N, c]` with `out[i, j] = sum_k a[i, k] * b[j, k]`.
* `outer_product(left, right, project)`: left `[*, S, N, c]`, right `[*, S, N, c]`; projects sum_s left[s, i] ⊗ right[s, j], given to
  `project` as `[*, rows, N, c * c]`, to `[*, N, N, c_z]`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

AttentionOp = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor | None], Tensor]
RowsOp = Callable[[Callable[..., Tensor], tuple[Tensor, ...]], Tensor]
TriangleProductOp = Callable[[Tensor, Tensor], Tensor]
OuterProductOp = Callable[[Tensor, Tensor, Callable[[Tensor], Tensor]], Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ops:
    """One implementation of the heavy operations."""

    name: str
    attention: AttentionOp
    by_rows: RowsOp
    triangle_product: TriangleProductOp
    outer_product: OuterProductOp
