"""One file of recorded module values: inputs, parameters, and how to compute."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from alphafold_lite.kernels.ops import Ops
from alphafold_lite.model.config import ModelConfig
from alphafold_lite.parity.produced import Context
from alphafold_lite.weights.convert import PARAMETER_MARK, load_module
from alphafold_lite.weights.name_map import rules_for

Arrays = Mapping[str, np.ndarray]
Outputs = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """One file: its arrays, the configuration of the folder, and how to compute."""

    arrays: Arrays
    config: ModelConfig
    context: Context
    ops: Ops

    def real(self, name: str) -> Tensor:
        """Input `in:NAME`, floating point."""
        return torch.as_tensor(self.arrays[f"in:{name}"], device=self.context.device).to(self.context.dtype)

    def whole(self, name: str) -> Tensor:
        """Input `in:NAME`, integers."""
        return torch.as_tensor(self.arrays[f"in:{name}"], device=self.context.device).to(torch.int64)

    def load(self, module: nn.Module, kind: str) -> nn.Module:
        """The module with the file's parameters, in evaluation mode."""
        first = next(name for name in self.arrays if name.startswith(PARAMETER_MARK))
        scope = first.removeprefix(PARAMETER_MARK).split("//")[0].split("/")[0]
        module = module.to(self.context.device, self.context.dtype).eval()
        load_module(module, self.arrays, rules_for(kind, scope))
        return module

    def templates(self) -> Mapping[str, np.ndarray]:
        """Template inputs without the `in:`; a single template gets the axis of templates."""
        found = {k.removeprefix("in:"): v for k, v in self.arrays.items() if k.startswith("in:template_")}
        single = found["template_aatype"].ndim == 1
        return {k: v[None] if single else v for k, v in found.items()}
