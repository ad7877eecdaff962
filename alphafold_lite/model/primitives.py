"""Linear layers with the supplement's initialisation, attention with gating, global attention, shared dropout."""

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from alphafold_lite.kernels.ops import Ops
from alphafold_lite.kernels.reference import MASKED_LOGIT

Init = Literal["default", "relu", "glorot", "gate", "zero"]
TRUNCATION_STD = 0.87962566103423978  # standard deviation of a normal distribution cut at ±2
ROWS, COLUMNS = -3, -2  # axes along which a dropout mask is shared
MEAN_EPS = 1e-10  # added to the count in a masked mean


class LayerNorm(nn.LayerNorm):
    """Layer normalisation over the last axis, epsilon 1e-5."""


class Linear(nn.Linear):
    """Linear layer, initialised as in supplement 1.11.4: LeCun (default), He before a ReLU, Glorot for queries and keys, closed for
    gates (weights 0, bias 1), and 0 for the last layer of a residual update."""

    def __init__(self, c_in: int, c_out: int, *, bias: bool = True, init: Init = "default") -> None:
        self.scheme: Init = init
        super().__init__(c_in, c_out, bias=bias)

    def reset_parameters(self) -> None:
        """Draw the parameters anew from torch's default generator."""
        if self.bias is not None:  # pyright: ignore[reportUnnecessaryComparison]
            nn.init.constant_(self.bias, 1.0 if self.scheme == "gate" else 0.0)
        if self.scheme in ("gate", "zero"):
            nn.init.zeros_(self.weight)
        elif self.scheme == "glorot":
            nn.init.xavier_uniform_(self.weight)
        else:
            std = math.sqrt((2.0 if self.scheme == "relu" else 1.0) / self.in_features) / TRUNCATION_STD
            nn.init.trunc_normal_(self.weight, std=std, a=-2 * std, b=2 * std)


class Attention(nn.Module):
    """Gated multi-head attention of rows with their keys (the core of Alg. 7, 8, 13, 14, 17).

    Args of `forward`:
        x_q: `[*, R, L_q, c_q]`, x_kv: `[*, R, L_k, c_kv]`; rows R do not see each other.
        mask: `[*, R, L_k]`, 1 for keys that are kept.
        bias: `[*, h, L_q, L_k]`, shared by the rows, or None.
    Returns `[*, R, L_q, c_q]`.
    """

    def __init__(
        self,
        *,
        c_q: int,
        c_kv: int,
        heads: int,
        key_channels: int,
        value_channels: int,
        gated: bool,
        ops: Ops,
    ) -> None:
        super().__init__()
        self.heads, self.ops = heads, ops
        self.scale = (key_channels // heads) ** -0.5
        self.q = Linear(c_q, key_channels, bias=False, init="glorot")
        self.k = Linear(c_kv, key_channels, bias=False, init="glorot")
        self.v = Linear(c_kv, value_channels, bias=False, init="glorot")
        self.gate = Linear(c_q, value_channels, init="gate") if gated else None
        self.out = Linear(value_channels, c_q, init="zero")

    def forward(
        self,
        x_q: Float[Tensor, "*batch R L_q c_q"],
        x_kv: Float[Tensor, "*batch R L_k c_kv"],
        mask: Float[Tensor, "*batch R L_k"],
        bias: Float[Tensor, "*batch h L_q L_k"] | None,
    ) -> Float[Tensor, "*batch R L_q c_q"]:
        q = self._split(self.q(x_q) * self.scale)
        attended = self.ops.attention(q, self._split(self.k(x_kv)), self._split(self.v(x_kv)), mask, bias)
        merged = attended.transpose(-2, -3).flatten(-2)
        if self.gate is not None:
            merged = merged * torch.sigmoid(self.gate(x_q))
        return self.out(merged)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(-2, -3)


class GlobalAttention(nn.Module):
    """Attention with one mean query a row and a single key and value head (lines 2-7 of Alg. 19).

    Args of `forward`: x `[*, R, L, c]`, mask `[*, R, L]`. Returns `[*, R, L, c]`.
    """

    def __init__(self, *, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        width = channels // heads
        self.scale = width**-0.5
        self.q = Linear(channels, channels, bias=False, init="glorot")
        self.k = Linear(channels, width, bias=False, init="glorot")
        self.v = Linear(channels, width, bias=False, init="glorot")
        self.gate = Linear(channels, channels, init="gate")
        self.out = Linear(channels, channels, init="zero")

    def forward(
        self, x: Float[Tensor, "*batch R L c"], mask: Float[Tensor, "*batch R L"]
    ) -> Float[Tensor, "*batch R L c"]:
        count = mask.sum(-1, keepdim=True) + MEAN_EPS
        mean = (x * mask[..., None]).sum(-2) / count
        q = (self.q(mean) * self.scale).unflatten(-1, (self.heads, -1))
        logits = q @ self.k(x).transpose(-1, -2)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32)) + MASKED_LOGIT * (mask[..., None, :] - 1)
        value = self.v(x)
        attended = (logits.softmax(-1).to(value.dtype) @ value).flatten(-2)
        return self.out(torch.sigmoid(self.gate(x)) * attended[..., None, :])


class SharedDropout(nn.Module):
    """Dropout whose mask is shared along one axis (supplement 1.11.6); `axis` counts from the end."""

    def __init__(self, rate: float, *, axis: int) -> None:
        super().__init__()
        self.rate, self.axis = rate, axis

    def forward(self, x: Tensor) -> Tensor:
        """Identity in evaluation."""
        if not self.training or self.rate == 0:
            return x
        shape = list(x.shape)
        shape[self.axis] = 1
        keep = torch.rand(shape, device=x.device) >= self.rate
        return x * (keep.to(x.dtype) / (1 - self.rate))


def at_least_float32(x: Tensor) -> Tensor:
    """bfloat16 and float16 become float32; float32 and float64 stay."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """A region where the caller's autocast does not reach: coordinates, rotations, output logits."""
    return nullcontext() if device.type == "meta" else torch.autocast(device_type=device.type, enabled=False)
