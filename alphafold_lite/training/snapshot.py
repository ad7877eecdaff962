"""A run in two small files that can be kept anywhere: its averaged parameters, and where it stood. Enough to go on with, after a short warm-up."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.outputs.scores import to_json
from alphafold_lite.training import parameters, settings
from alphafold_lite.training.config import TrainingConfig, samples_before
from alphafold_lite.training.records import VALIDATION, read_metrics
from alphafold_lite.training.run_folder import reopen
from alphafold_lite.weights.checkpoint import read_header

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
