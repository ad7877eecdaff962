"""How a network is run in training, decided once and from outside: kernels, activation checkpointing, compilation. Layers do not know."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from alphafold_lite.kernels.fast import fast
from alphafold_lite.kernels.ops import Ops
from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.alphafold import AlphaFold, build
from alphafold_lite.model.config import ModelConfig
from alphafold_lite.training.config import StepConfig
from alphafold_lite.training.fused import fuse_points, fuse_triangles

SHAPES_COMPILED = 64  # crop sizes times numbers of rows times with and without gradients


def build_for_training(config: ModelConfig, step: StepConfig, device: torch.device) -> AlphaFold:
    """A network in training mode on its device, its blocks wrapped as the configuration says."""
    model = build(config, training_ops(step)).to(device)
    if step.compile_blocks or step.compile_triangles:
        torch._dynamo.config.recompile_limit = SHAPES_COMPILED  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
    if step.fuse_triangles:
        fuse_triangles(model, compiled=step.compile_triangles)
    if device.type == "cuda":
        fuse_points(model)
    for block in trunk_blocks(model):
        wrap(block, compiled=step.compile_blocks, checkpointed=step.checkpoint_blocks)
    if not step.end_to_end:
        detach_inputs(model.structure_module)
    return model.train()


def training_ops(step: StepConfig) -> Ops:
    """The operations that the configuration names."""
    return fast() if step.kernels == "fast" else reference()


def trunk_blocks(model: AlphaFold) -> list[nn.Module]:
    """Blocks of the template, extra-MSA and main stacks, where nearly all time and memory go."""
    templates = () if model.template_embedder is None else model.template_embedder.pair.blocks
    return [*templates, *model.extra_msa_stack.blocks, *model.evoformer.blocks]


def wrap(block: nn.Module, *, compiled: bool, checkpointed: bool) -> None:
    """Replace a block's `forward`; names of parameters stay as they are."""
    forward: Callable[..., Any] = block.forward
    if compiled:
        forward = torch.compile(forward, dynamic=False)
    block.forward = _checkpointed(forward) if checkpointed else forward


def detach_inputs(module: nn.Module) -> None:
    """Let no gradient pass through the module's inputs."""
    forward: Callable[..., Any] = module.forward
    module.forward = lambda *inputs: forward(*(t.detach() for t in inputs))


def _checkpointed(forward: Callable[..., Any]) -> Callable[..., Any]:
    def run(*inputs: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*inputs)
        return checkpoint(forward, *inputs, use_reentrant=False)

    return run
