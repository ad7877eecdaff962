"""The lDDT of CA atoms as a loss: thresholds are soft, so that distances which are nearly right become right (AlphaFold 3, supplement, Alg. 27).

No part of AlphaFold 2. The FAPE of a fold that is wrong as a whole says little about the distances within 15 Å that are within reach.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from alphafold_lite.training.losses.plddt import CA_SLOT, LDDT_EPSILON, THRESHOLDS, pair_errors
from alphafold_lite.training.targets import Targets


def smooth_lddt_loss(predicted_ca: Float[Tensor, "*batch N_res 3"], targets: Targets) -> Float[Tensor, "*batch"]:
    """1 less the share of distances within 15 Å that are right, averaged over the thresholds 0.5, 1, 2 and 4 Å.

    A pair counts by sigmoid(threshold - error) for each threshold, both in Å, in the place of 1 or 0; its gradient therefore fades with
    errors far beyond 4 Å.

    Args:
        predicted_ca: predicted CA atoms, Å.
        targets: for the true ones and which of them are known; where they have weights, a pair counts by the product of its residues'.
    """
    mask = targets.weighted(targets.atom37_mask[..., CA_SLOT])
    error, counted = pair_errors(predicted_ca, targets.atom37_positions[..., CA_SLOT, :], mask)
    right = torch.stack([torch.sigmoid(threshold - error) for threshold in THRESHOLDS]).mean(0)
    return 1 - (LDDT_EPSILON + (right * counted).sum((-2, -1))) / (LDDT_EPSILON + counted.sum((-2, -1)))
