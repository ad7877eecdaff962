"""What a case producer is given and what it hands back: `(folder, context) -> Iterator[Produced]`."""

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """Type and place of the computation."""

    dtype: torch.dtype
    device: torch.device


@dataclass(frozen=True, slots=True)
class Produced:
    """One computed array (NumPy), or the object of a JSON file, under the recorded file's and array's names."""

    file: str
    name: str
    value: Any
