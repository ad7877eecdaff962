"""The distogram of a prediction along a band beside the diagonal, small enough to be kept for thousands of targets."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

LEAST = -100.0  # logarithms are cut there, far from where float16 ends


def separations(num_res: int, width: int) -> range:
    """How far apart the residues of a band are."""
    return range(1, min(width, num_res - 1) + 1)


def pair_separation(num_res: int, width: int) -> Int[np.ndarray, "N_pairs"]:
    """The separation of each pair in the order of `log_probabilities`."""
    apart = np.array(separations(num_res, width), np.int64)
    return np.repeat(apart, num_res - apart)


@torch.no_grad()
def log_probabilities(logits: Float[Tensor, "N_res N_res bins"], width: int) -> Float[np.ndarray, "N_pairs bins"]:
    """Natural logarithms of the probabilities of distances, float16: pairs i < j by their separation, then by i.

    Args:
        width: largest separation.
    """
    bands = [logits.diagonal(offset=apart, dim1=0, dim2=1).T for apart in separations(len(logits), width)]
    if not bands:
        return np.zeros((0, logits.shape[-1]), np.float16)
    return torch.cat([band.float().log_softmax(-1).clamp(min=LEAST).half() for band in bands]).cpu().numpy()
