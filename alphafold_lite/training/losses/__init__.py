"""The losses of the supplement's section 1.9, a file per term; `compute_losses` is the way in."""

from alphafold_lite.training.losses.config import LossConfig, finetuning, initial_training
from alphafold_lite.training.losses.masked_msa import MsaTruth
from alphafold_lite.training.losses.total import Losses, compute_losses

__all__ = ["LossConfig", "Losses", "MsaTruth", "compute_losses", "finetuning", "initial_training"]
