"""Adam (Kingma and Ba, 2015) on the vector of all parameters, as supplement 1.11.3 sets it."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from alphafold_lite.training.config import OptimizerConfig


class Adam:
    """First and second moments of the gradient; `steps` counts the updates made."""

    def __init__(self, values: Float[Tensor, "num_parameters"], config: OptimizerConfig) -> None:
        self.config = config
        self.values = values
        self.mean = torch.zeros_like(values)
        self.square = torch.zeros_like(values)
        self.steps = 0

    def tensors(self) -> dict[str, Tensor]:
        """What it keeps from step to step, by name."""
        return {"adam_mean": self.mean, "adam_square": self.square}

    @torch.no_grad()
    def update(self, gradient: Float[Tensor, "num_parameters"], rate: float) -> None:
        """values - rate * mean / (sqrt(square) + epsilon), both moments corrected for their start from zero."""
        config = self.config
        self.steps += 1
        self.mean.lerp_(gradient, 1 - config.beta1)
        self.square.mul_(config.beta2).addcmul_(gradient, gradient, value=1 - config.beta2)
        size = rate / (1 - config.beta1**self.steps)
        correction = math.sqrt(1 - config.beta2**self.steps)
        self.values.addcdiv_(self.mean, self.square.sqrt().div_(correction).add_(config.epsilon), value=-size)
