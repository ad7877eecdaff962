"""Moving average of the parameters, which validation and users get (supplement 1.11.7)."""

from collections.abc import Generator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor


class Ema:
    """An exponential moving average of a vector."""

    def __init__(self, values: Float[Tensor, "num_parameters"]) -> None:
        self.average = values.detach().clone()

    @torch.no_grad()
    def update(self, values: Float[Tensor, "num_parameters"], weight: float) -> None:
        """average + weight * (values - average)."""
        self.average.lerp_(values, weight)

    @contextmanager
    def applied_to(self, values: Float[Tensor, "num_parameters"]) -> Generator[None, None, None]:
        """The average in the place of the parameters until the context ends."""
        kept = values.detach().clone()
        with torch.no_grad():
            values.copy_(self.average)
        try:
            yield
        finally:
            with torch.no_grad():
                values.copy_(kept)
