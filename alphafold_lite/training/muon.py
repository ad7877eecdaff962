"""Muon (Jordan et al., 2024, kellerjordan.github.io/posts/muon) for the matrices inside the network, Adam for all else (DECISIONS 35).

Steps are as long as those of Adam (0.2 times the root of the longer side: Liu et al., 2025, arXiv:2502.16982), so one learning rate serves both.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from alphafold_lite.training.config import OptimizerConfig
from alphafold_lite.training.flat import FlatParameters, Span
from alphafold_lite.training.optimizer import Adam

# what reads features or writes answers: its rows or columns mean something each, and keep a step of their own
_OUTSIDE = (
    "heads.",
    "input_embedder.",
    "extra_msa_embedder.",
    "recycling_embedder.distances.",
    "template_embedder.pair.embedding.",
    "template_embedder.torsions.embed.",
    "structure_module.backbone.update.",
    "structure_module.sidechains.angles.",
    "packer.",
)
_COEFFICIENTS = (3.4445, -4.775, 2.0315)  # of the quintic, and how often it is applied: Jordan et al.
_ITERATIONS = 5
_STEP = 0.2  # root of the mean square of an update of Adam


class Muon:
    """Moves matrices along their averaged gradient with all singular values brought near 1; `steps` counts the updates made."""

    def __init__(self, flat: FlatParameters, config: OptimizerConfig) -> None:
        self.config = config
        self.adam = Adam(flat.values, config)
        self.momentum = torch.zeros_like(flat.values)
        self.matrices: dict[tuple[int, int], list[Span]] = {}  # by size, the shorter side first
        self.inside = torch.zeros_like(flat.values, dtype=torch.bool)
        for span in flat.spans:
            if _is_inside(span):
                short, long = sorted(span.shape)
                self.matrices.setdefault((short, long), []).append(span)
                span.of(self.inside).fill_(True)  # noqa: FBT003 - PyTorch's own signature

    @property
    def steps(self) -> int:
        """Updates made so far."""
        return self.adam.steps

    @steps.setter
    def steps(self, value: int) -> None:
        self.adam.steps = value

    def tensors(self) -> dict[str, Tensor]:
        """What it keeps from step to step, by name."""
        return {**self.adam.tensors(), "muon_momentum": self.momentum}

    @torch.no_grad()
    def update(self, gradient: Float[Tensor, "num_parameters"], rate: float) -> None:
        """Matrices: Nesterov's momentum, made orthogonal; the rest of the vector by Adam, for which the matrices' gradient is 0."""
        self.adam.update(gradient.masked_fill(self.inside, 0.0), rate)
        decay = self.config.momentum
        self.momentum.lerp_(gradient, 1 - decay)
        ahead = gradient.lerp(self.momentum, decay)
        for (_, long), spans in self.matrices.items():
            directions = orthogonal(_stack(ahead, spans))
            for span, direction in zip(spans, directions, strict=True):
                span.of(self.adam.values).add_(_lying(direction, span), alpha=-rate * _STEP * long**0.5)


@torch.no_grad()
def orthogonal(matrices: Float[Tensor, "batch short long"]) -> Float[Tensor, "batch short long"]:
    """The same singular vectors, singular values between about 0.7 and 1.2 where they were not much smaller than the largest one.

    Newton's and Schulz's iteration with the coefficients of Jordan et al.; a matrix of zeros stays one.
    """
    a, b, c = _COEFFICIENTS
    tiny = torch.finfo(matrices.dtype).tiny
    x = matrices / matrices.norm(dim=(-2, -1), keepdim=True).clamp(min=tiny)
    for _ in range(_ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * (square @ square)) @ x
    return x


def _is_inside(span: Span) -> bool:
    is_matrix = span.name.endswith(".weight") and len(span.shape) == 2 and min(span.shape) > 1
    return is_matrix and not span.name.startswith(_OUTSIDE)


def _stack(vector: Float[Tensor, "num_parameters"], spans: Sequence[Span]) -> Float[Tensor, "batch short long"]:
    return torch.stack([_lying(span.of(vector), span) for span in spans])


def _lying(matrix: Tensor, span: Span) -> Tensor:
    """Turned so that the shorter side is the first, and back: the parameter is upright where it has more rows than columns."""
    rows, columns = span.shape
    return matrix.mT if rows > columns else matrix
