"""Plain implementations that define truth: every intermediate is materialised, softmax in float32 or better."""

from collections.abc import Callable

import torch
from torch import Tensor

from alphafold_lite.kernels.ops import Ops

MASKED_LOGIT = 1e9  # subtracted from the logits of masked keys; finite, so that fully masked rows stay defined


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, bias: Tensor | None) -> Tensor:
    """Softmax over keys of q·k + mask + bias, times v (lines 5-6 of Alg. 7)."""
    logits = q @ k.transpose(-1, -2)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    logits = logits + MASKED_LOGIT * (mask[..., None, None, :] - 1)
    if bias is not None:
        logits = logits + bias.unsqueeze(-4)
    return logits.softmax(-1).to(v.dtype) @ v


def by_rows(fn: Callable[..., Tensor], tensors: tuple[Tensor, ...]) -> Tensor:
    """All rows at once."""
    return fn(*tensors)


def triangle_product(a: Tensor, b: Tensor) -> Tensor:
    """Line 4 of Alg. 11."""
    return torch.einsum("...ikc,...jkc->...ijc", a, b)


def outer_product(left: Tensor, right: Tensor, project: Callable[[Tensor], Tensor]) -> Tensor:
    """Lines 3-4 of Alg. 10."""
    return project(torch.einsum("...sic,...sjd->...ijcd", left, right).flatten(-2))


def reference() -> Ops:
    """The bundle that defines truth."""
    return Ops(
        name="reference",
        attention=attention,
        by_rows=by_rows,
        triangle_product=triangle_product,
        outer_product=outer_product,
    )
