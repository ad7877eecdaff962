"""Loss of the head for experimentally resolved atoms (supplement 1.9.10, eq. 43)."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from alphafold_lite.model.structure.module import at_least_float32
from alphafold_lite.training.losses.averages import in_range, masked_mean
from alphafold_lite.training.losses.config import ResolutionRange
from alphafold_lite.training.targets import Targets

MEAN_EPSILON = 1e-8  # atoms added to their number


def resolved_loss(
    logits: Float[Tensor, "*batch N_res 37"], targets: Targets, allowed: ResolutionRange | None
) -> Float[Tensor, "*batch"]:
    """Mean over the atoms that the residues have; 0 for predicted structures and those outside the resolutions allowed."""
    logits = at_least_float32(logits)
    error = F.binary_cross_entropy_with_logits(logits, targets.atom37_mask.to(logits.dtype), reduction="none")
    loss = masked_mean(error, targets.resolved_mask, dims=(-2, -1), epsilon=MEAN_EPSILON)
    return targets.of_experiments(loss * in_range(targets.resolution, allowed))
