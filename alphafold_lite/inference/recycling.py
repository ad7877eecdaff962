"""Recycling at inference (Alg. 2, line 2 and Alg. 30): pass the network over its own output until it has converged."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.inference.kept_templates import KeptTemplates
from alphafold_lite.model.alphafold import AlphaFold, Prediction
from alphafold_lite.model.batch import Batch
from alphafold_lite.model.embedders import Recycled

DISTANCE_EPS = 1e-8  # under the square root of a squared distance, Å²


@dataclass(frozen=True, kw_only=True, slots=True)
class Folded:
    """The last pass, how many passes were made, and the change of CA distances (Å) against the pass before, one a recycle."""

    prediction: Prediction
    passes: int
    changes: tuple[float, ...]
    converged: bool


def distance_change(
    before: Float[Tensor, "*batch N_res 37 3"],
    after: Float[Tensor, "*batch N_res 37 3"],
    mask: Float[Tensor, "*batch N_res"],
) -> float:
    """Root mean square change of the CA-CA distances, Å: the measure by which ColabFold and AlphaFold-Multimer stop recycling."""

    def distances(positions: Tensor) -> Tensor:
        ca = positions[..., rc.atom_order["CA"], :]
        return torch.sqrt((ca[..., :, None, :] - ca[..., None, :, :]).square().sum(-1) + DISTANCE_EPS)

    pairs = mask[..., :, None] * mask[..., None, :]
    squared = (distances(before) - distances(after)).square() * pairs
    return float(torch.sqrt(squared.sum() / pairs.sum().clamp(min=1)))


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """`fp32` or `bf16`: one of the two places where autocast is entered.

    Weights are cast anew at each use: a pass uses each of them once, and cached copies between large temporaries fragment the heap.
    """
    if precision == "bf16":
        return torch.autocast(device_type=device.type, dtype=torch.bfloat16, cache_enabled=False)
    return nullcontext()


@torch.no_grad()
def fold(
    model: AlphaFold,
    inputs: Callable[[int], Sequence[Batch]],
    *,
    num_recycles: int,
    tolerance: float = 0.0,
    precision: str = "fp32",
    on_pass: Callable[[int, Prediction], None] | None = None,
) -> Folded:
    """Run `num_recycles` + 1 passes, or fewer once the CA distances change by less than `tolerance` Å.

    Args:
        inputs: pass number (from 0) -> ensemble members of that pass, freshly sampled or not.
        precision: `fp32` or `bf16`; coordinates, softmax and scores are float32 or better either way.
        on_pass: called after every pass with its number and result.
    """
    previous: Recycled | None = None
    changes: list[float] = []
    kept = KeptTemplates(model)
    for number in range(num_recycles + 1):
        members = inputs(number)
        with autocast(members[0].aatype.device, precision):
            prediction = model(members, previous, kept.pairs(members))
        if on_pass is not None:
            on_pass(number, prediction)
        if previous is not None:
            changes.append(distance_change(previous.positions, prediction.atom37_positions, members[0].seq_mask))
        if changes and changes[-1] < tolerance or number == num_recycles:
            return Folded(
                prediction=prediction,
                passes=number + 1,
                changes=tuple(changes),
                converged=bool(changes) and changes[-1] < tolerance,
            )
        previous = prediction.recycled
    raise ValueError(f"num_recycles must be at least 0, not {num_recycles}")
