"""Faster forms of layers for training, put in the place of the plain ones from outside; parameters and results stay the same.

Triangle multiplication: one matrix product for its five projections, masks in the precision of the activations, both products in channel-first
layout. Distances between points in invariant point attention, on a GPU: by a matrix product.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from alphafold_lite.model.pair import TriangleMultiplication
from alphafold_lite.model.structure.ipa import InvariantPointAttention


def multiply_triangles(
    module: TriangleMultiplication,
    z: Float[Tensor, "*batch N_res N_res c_z"],
    mask: Float[Tensor, "*batch N_res N_res"],
) -> Float[Tensor, "*batch N_res N_res c_z"]:
    """What `module.forward` computes (Alg. 11 and 12)."""
    x = module.norm_in(z)
    layers = (module.left, module.right, module.left_gate, module.right_gate, module.gate)
    weight, bias = (torch.cat([getattr(layer, name) for layer in layers]) for name in ("weight", "bias"))
    channels, c_z = module.left.out_features, module.gate.out_features
    values, gates, out_gate = F.linear(x, weight, bias).split((2 * channels, 2 * channels, c_z), dim=-1)
    edges = values * torch.sigmoid(gates) * mask[..., None].to(values.dtype)
    left, right = edges.movedim(-1, -3).split(channels, dim=-3)  # [*, c, N_res, N_res]
    product = left @ right.transpose(-1, -2) if module.outgoing else right.transpose(-1, -2) @ left
    return module.out(module.norm_out(product.movedim(-3, -1))) * torch.sigmoid(out_gate)


def fuse_triangles(model: nn.Module, *, compiled: bool = False) -> None:
    """Let every triangle multiplication of the network run in this form; `compiled` while it trains, when shapes are few."""
    in_training = torch.compile(multiply_triangles, dynamic=False) if compiled else multiply_triangles

    class Fused(TriangleMultiplication):
        def forward(self, z: Tensor, mask: Tensor) -> Tensor:
            return (in_training if self.training else multiply_triangles)(self, z, mask)

    _put(model, TriangleMultiplication, Fused)


def squared_distances(
    a: Float[Tensor, "*batch N_res c"], b: Float[Tensor, "*batch N_res c"]
) -> Float[Tensor, "*batch N_res N_res"]:
    """What `InvariantPointAttention.squared_distances` gives, to some 1e-5 at 100 Å in its units of 10 Å."""
    squares = a.square().sum(-1)[..., :, None] + b.square().sum(-1)[..., None, :]
    return (squares - 2 * a @ b.mT).clamp(min=0)


class _ByProduct(InvariantPointAttention):
    squared_distances = staticmethod(squared_distances)


def fuse_points(model: nn.Module) -> None:
    """Let every invariant point attention of the network take distances in this form."""
    _put(model, InvariantPointAttention, _ByProduct)


def _put(model: nn.Module, plain: type[nn.Module], faster: type[nn.Module]) -> None:
    """One class for all, not a function an instance, so that compiled blocks share their code."""
    for module in model.modules():
        if isinstance(module, plain):
            module.__class__ = faster
