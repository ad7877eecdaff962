"""A run in two small files that can be kept anywhere: its averaged parameters, and where it stood. Enough to go on with, after a short warm-up."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from alphafold_lite.common.errors import InputError
from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.alphafold import AlphaFold
from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.outputs.scores import to_json
from alphafold_lite.training import parameters, settings
from alphafold_lite.training.config import TrainingConfig, samples_before
from alphafold_lite.training.lora import PACKER
from alphafold_lite.training.records import VALIDATION, read_metrics
from alphafold_lite.training.run_folder import reopen
from alphafold_lite.weights.checkpoint import load_checkpoint, read_header, save_checkpoint

FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """Where a run stood when its parameters were kept."""

    config: TrainingConfig
    step: int
    samples: int
    validation: tuple[dict[str, Any], ...]  # every judgement so far, oldest first

    def settings_to_go_on(self, *, warmup_samples: int) -> tuple[str, ...]:
        """Options for `train --set` with which a new run continues data, schedule and seed from here; one that has ended takes the preset's length."""
        length = (f"run.steps={self.config.run.steps}",) if self.config.run.steps > self.step else ()
        return (
            f"run.first_step={self.step}",
            f"run.seed={self.config.run.seed}",
            *length,
            f"optimizer.restart_warmup_samples={warmup_samples}",
        )


def write_snapshot(run: Path, target: Path, *, best: bool = True) -> Snapshot:
    """Keep a run as `TARGET.safetensors` and `TARGET.json`.

    Args:
        target: path without ending.
        best: the parameters that validated best, where there was a validation; else the last average.

    Raises:
        InputError: no run there, or none that saved its average.
    """
    config, _ = reopen(run)
    chosen = run / parameters.BEST if best and (run / parameters.BEST).is_file() else run / parameters.AVERAGE
    step = read_header(chosen).step
    scores = [line for line in read_metrics(run) if line["kind"] == VALIDATION and line["step"] <= step]
    snapshot = Snapshot(config=config, step=step, samples=samples_before(config, step), validation=tuple(scores))
    write_atomic(target.with_suffix(".safetensors"), chosen.read_bytes())
    content = {
        "format": FORMAT,
        "step": step,
        "samples": snapshot.samples,
        "config": settings.to_plain(config),
        "validation": scores,
    }
    write_atomic(target.with_suffix(".json"), to_json(content))
    return snapshot


def add_packer(run: Path, target: Path) -> None:
    """Put what a run taught the packer of side chains alone (`step.packing_alone`) into kept parameters, which otherwise stay as they are.

    Args:
        target: path without ending, as of `write_snapshot`; where that run stood is not changed, the packer's is noted beside it.

    Raises:
        InputError: no run there, one without a packer, or one that changed other parameters, too.
    """
    config, _ = reopen(run)
    weights, record = target.with_suffix(".safetensors"), target.with_suffix(".json")
    taught = load_checkpoint(run / parameters.AVERAGE, reference())
    if taught.packer is None:
        raise InputError("a run that has a packer (model.packing)", f"{run} without one", "train one")
    if other := differing(taught, load_checkpoint(weights, reference())):
        found = f"{other[0]} and {len(other) - 1} more of {run}"
        raise InputError(
            f"the parameters of {weights}, but for the packer", found, "train with adaptation.freeze=folding"
        )
    step = read_header(run / parameters.AVERAGE).step
    content = json.loads(record.read_text(encoding="utf-8")) | {
        "packer": {"step": step, "samples": samples_before(config, step), "config": settings.to_plain(config)}
    }
    save_checkpoint(weights, taught, replace(read_header(weights), config=taught.config))
    write_atomic(record, to_json(content))


def differing(one: AlphaFold, other: AlphaFold) -> list[str]:
    """Names of parameters outside the packers that the two networks do not have in common, or that differ; the backbones that they fold
    are the same where there are none."""
    ours, theirs = (
        {name: value for name, value in model.named_parameters() if not name.startswith(f"{PACKER}.")}
        for model in (one, other)
    )
    common = ours.keys() & theirs.keys()
    return sorted((ours.keys() ^ theirs.keys()) | {n for n in common if not torch.equal(ours[n], theirs[n])})


def read_snapshot(path: Path) -> Snapshot:
    """What `write_snapshot` wrote about a run.

    Raises:
        InputError: no such file, or another one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}")
        return Snapshot(
            config=settings.from_plain(TrainingConfig, content["config"]),
            step=int(content["step"]),
            samples=int(content["samples"]),
            validation=tuple(content["validation"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        found = f"{path}: {type(error).__name__} {error}"
        raise InputError("the record of a training run", found, "give the .json beside the parameters") from error
