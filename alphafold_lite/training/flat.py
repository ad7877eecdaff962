"""All parameters of a network in one vector, their gradients in another: clipping, averaging, the optimizer and checkpoints become a few operations."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Where a parameter lies in the vector."""

    name: str
    start: int
    stop: int
    shape: tuple[int, ...]

    def of(self, vector: Tensor) -> Tensor:
        """The parameter's part of a vector, in its shape; a view."""
        return vector[self.start : self.stop].view(self.shape)


class FlatParameters:
    """Takes over the parameters of a network that learn (`requires_grad`): afterwards each is a view into `values`, its gradient a view into `gradient`.

    The network must stay on its device. `gradient` is never freed: clear it with `zero_gradient`, not with `zero_grad`.
    """

    def __init__(self, model: nn.Module) -> None:
        named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
        ends = [0]
        for _, parameter in named:
            ends.append(ends[-1] + parameter.numel())
        self.spans = tuple(
            Span(name=name, start=a, stop=b, shape=tuple(parameter.shape))
            for (name, parameter), a, b in zip(named, ends, ends[1:], strict=False)
        )
        first = named[0][1]
        self.values = first.detach().new_empty(ends[-1])
        self.gradient = torch.zeros_like(self.values)
        for (_, parameter), span in zip(named, self.spans, strict=True):
            part = span.of(self.values)
            part.copy_(parameter.detach())
            parameter.data = part
            parameter.grad = span.of(self.gradient)

    def zero_gradient(self) -> None:
        """Before the backward pass of a sample."""
        self.gradient.zero_()

    def culprits(self, vector: Tensor) -> list[str]:
        """Names of the parameters where the vector is not finite."""
        return [span.name for span in self.spans if not bool(torch.isfinite(span.of(vector)).all())]


def clip_factor(norm: Float[Tensor, ""], limit: float) -> Float[Tensor, ""]:
    """What to multiply a gradient of this norm with, so that its norm is at most `limit` (supplement 1.11.3)."""
    return (limit / norm.clamp(min=torch.finfo(norm.dtype).tiny)).clamp(max=1.0)
