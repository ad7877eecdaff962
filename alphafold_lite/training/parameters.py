"""Parameters into a run and out of it: random ones, those of another run or model, and the averages that users get."""

import logging
from pathlib import Path

import torch
from torch import nn

from alphafold_lite import presets
from alphafold_lite.common.errors import InputError
from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.alphafold import AlphaFold
from alphafold_lite.training import lora
from alphafold_lite.training.checkpoint import State
from alphafold_lite.training.config import TrainingConfig
from alphafold_lite.weights.checkpoint import Checkpoint, save_checkpoint
from alphafold_lite.weights.registry import ParameterSource, resolve

AVERAGE, BEST = "average.safetensors", "best.safetensors"
LICENSE = "not stated"
log = logging.getLogger(__name__)


def load_start(model: AlphaFold, start: str, name: str) -> None:
    """Take over parameters by name; parameters that are new here, such as those of more blocks, keep their random start.

    Args:
        start: a run's folder, a file, or anything else that `--params` takes.
        name: of the model, where `start` is a folder of several.

    Raises:
        InputError: no parameter in common, or one of another shape.
    """
    given = dict(start_source(start, f"{name} from").load(reference()).named_parameters())
    new = copy_parameters(given, model)
    if new:
        log.warning("%d parameters are not in %s and start at random, such as %s", len(new), start, new[0])


def start_source(start: str, purpose: str) -> ParameterSource:
    """The one set of parameters to start from: what `--params` takes, or the folder of a run, whose average is taken.

    Args:
        purpose: of the start, in the words of the error.

    Raises:
        InputError: several sets, or a file that cannot be used.
        MissingResourceError: nothing there.
    """
    average = Path(start) / AVERAGE
    found = resolve(str(average) if average.is_file() else start, (), presets.model_config)
    if len(found) != 1:
        names = ", ".join(source.name for source in found)
        raise InputError(f"one set of parameters to start {purpose}", f"{names} in {start}", "name one file")
    return found[0]


def copy_parameters(given: dict[str, nn.Parameter], model: nn.Module) -> list[str]:
    """Copy by name into the model; returns the model's names that were not given."""
    own = dict(model.named_parameters())
    shared = own.keys() & given.keys()
    if not shared:
        raise InputError("parameters of this network to start from", "none in common", "give another file")
    wrong = sorted(name for name in shared if own[name].shape != given[name].shape)
    if wrong:
        shapes = f"{wrong[0]}: {list(given[wrong[0]].shape)} for {list(own[wrong[0]].shape)}"
        raise InputError("parameters that fit", f"{len(wrong)} others ({shapes})", "train the same channels")
    with torch.no_grad():
        for name in shared:
            own[name].copy_(given[name])
    return sorted(own.keys() - shared)


def export_average(path: Path, model: AlphaFold, state: State, config: TrainingConfig, *, step: int) -> None:
    """Write the averaged parameters as a file that `predict --params` and `evaluate --params` read."""
    about = Checkpoint(
        config=config.model,
        name=config.name,
        license=LICENSE,
        untrained=step == 0,
        note=f"moving average after {step} steps of alphafold-lite train, seed {config.run.seed}",
        step=step,
        max_clusters=config.data.max_clusters,
        max_extra=config.data.max_extra,
        carried_profile=config.data.inputs.carried > 0,
    )
    with state.ema.applied_to(state.flat.values):
        save_checkpoint(path, lora.merged(model), about)
