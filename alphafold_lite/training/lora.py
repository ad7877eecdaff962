"""What of a network learns, decided from outside: frozen parts, and low-rank adapters (Hu et al., 2021) beside the weights of linear layers.

An adapter replaces a layer's weight W by W + up · down wherever the weight is read, so that any way of running the layer has it. Layers and
their code do not know; on export the sum is written, an ordinary weight.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from alphafold_lite.common.errors import InputError
from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.alphafold import AlphaFold
from alphafold_lite.model.primitives import full_precision
from alphafold_lite.training.config import AdaptationConfig
from alphafold_lite.weights.convert import allocate

STRUCTURE, HEADS, SIDECHAINS = "structure_module", "heads", "structure_module.sidechains."
PACKER = "packer"
WEIGHT = "weight"
INSIDE = ".parametrizations."  # of the names of what PyTorch puts in the place of a weight


class LowRank(nn.Module):
    """`weight + up @ down`. `up` starts at 0, so that nothing changes before the first step.

    Args:
        weight: `[c_out, c_in]`, of the layer.
        rank: at most the smaller of both sizes is used.
        generator: of the CPU, draws `down`.
    """

    def __init__(self, weight: Float[Tensor, "c_out c_in"], rank: int, generator: torch.Generator) -> None:
        super().__init__()
        rows, columns = weight.shape
        rank = min(rank, rows, columns)
        drawn = torch.randn(rank, columns, generator=generator) / math.sqrt(columns)
        self.down = nn.Parameter(drawn.to(weight))
        self.up = nn.Parameter(weight.new_zeros(rows, rank))

    def forward(self, weight: Float[Tensor, "c_out c_in"]) -> Float[Tensor, "c_out c_in"]:
        """The adapted weight, in its own precision under autocast, too."""
        with full_precision(weight.device):
            return weight + self.up @ self.down


def adapt(model: nn.Module, config: AdaptationConfig, *, seed: int) -> None:
    """Freeze what must not learn, and add adapters to the linear layers of the chosen parts that are not frozen.

    Raises:
        InputError: a part that the network has not, or nothing left to learn.
    """
    if config.lora_rank:
        _add_adapters(model, config, torch.Generator().manual_seed(seed))
    for name, parameter in model.named_parameters():
        if is_frozen(name, config):
            parameter.requires_grad_(False)  # noqa: FBT003 - PyTorch's own signature
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError("parameters that learn", f"none (--freeze {config.freeze})", "freeze less")


def _add_adapters(model: nn.Module, config: AdaptationConfig, generator: torch.Generator) -> None:
    if unknown := [part for part in config.lora_parts if not isinstance(getattr(model, part, ""), nn.Module | None)]:
        known = ", ".join(name for name, _ in model.named_children())
        raise InputError(f"adaptation.lora_parts out of {known}", unknown[0], "correct the name")
    model.requires_grad_(False)  # noqa: FBT003
    for name, layer in list(model.named_modules()):
        chosen = name.partition(".")[0] in config.lora_parts and not is_frozen(name, config)
        if chosen and isinstance(layer, nn.Linear):
            adapter = LowRank(layer.weight.detach(), config.lora_rank, generator)
            parametrize.register_parametrization(layer, WEIGHT, adapter)


def is_frozen(name: str, config: AdaptationConfig) -> bool:
    """Whether a parameter or layer of this name lies in the frozen part."""
    part = name.partition(".")[0]
    if config.freeze == "trunk":
        return part not in (STRUCTURE, HEADS)
    if config.freeze == "backbone":
        return not name.startswith(SIDECHAINS)
    if config.freeze == "folding":
        return part != PACKER
    return config.freeze == "structure" and part == STRUCTURE


def merged(model: AlphaFold) -> AlphaFold:
    """The network with its adapters added to the weights: itself where it has none, else a plain one on the CPU."""
    if not any(INSIDE in name for name, _ in model.named_parameters()):
        return model
    plain = allocate(model.config, reference())
    with torch.no_grad():
        for name, parameter in plain.named_parameters():
            parameter.copy_(_read(model, name))
    return plain.eval()


def _read(model: nn.Module, name: str) -> Tensor:
    """A parameter by its plain name; of a weight with an adapter, the sum."""
    owner, _, last = name.rpartition(".")
    return getattr(model.get_submodule(owner), last)
