"""Accuracy on the validation chains before and after, chain by chain, with an interval for the difference."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alphafold_lite.finetune.configuration import start_source
from alphafold_lite.metrics.bootstrap import Interval, mean_interval
from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.outputs.run_record import sha256_of
from alphafold_lite.outputs.scores import to_json
from alphafold_lite.training import settings
from alphafold_lite.training.config import TrainingConfig
from alphafold_lite.training.run_folder import Sources
from alphafold_lite.training.validation import Validation
from alphafold_lite.training.wrapping import training_ops

SCORES = "scores"  # folder of what was scored, by parameters and data
DIGITS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainAccuracy:
    """One validation chain, or its middle where it is longer than the configuration allows. 0 to 1."""

    id: str
    cluster: int
    length: int
    lddt_ca: float
    tm: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The same chains with the parameters before and after.

    Attributes:
        over: what was drawn for the intervals: whole clusters, or chains where all are of one cluster.
    """

    before: tuple[ChainAccuracy, ...]
    after: tuple[ChainAccuracy, ...]
    over: str

    def intervals(self, name: str) -> dict[str, Interval]:
        """Mean before, after, and of the differences, with 95 % intervals (bootstrap). `name`: lddt_ca or tm."""
        values = {
            part: np.array([getattr(chain, name) for chain in chains], np.float64)
            for part, chains in (("before", self.before), ("after", self.after))
        }
        values["difference"] = values["after"] - values["before"]
        units = [chain.cluster if self.over == "clusters" else place for place, chain in enumerate(self.before)]
        return {part: mean_interval(numbers, np.array(units, np.int64)) for part, numbers in values.items()}


def compare(before: Sequence[ChainAccuracy], after: Sequence[ChainAccuracy]) -> Comparison:
    """Put the scores of equal chains side by side."""
    several = len({chain.cluster for chain in before}) > 1
    return Comparison(before=tuple(before), after=tuple(after), over="clusters" if several else "chains")


def score(
    params: str, config: TrainingConfig, sources: Sources, out: Path, *, device: torch.device
) -> tuple[ChainAccuracy, ...]:
    """Predict the validation chains with some parameters, on the inputs of the run's own validation; kept in `OUT/scores`."""
    source = start_source(params)
    plain = [settings.to_plain(part) for part in (config.validation, config.data)]
    parts: list[object] = [source.sha256, plain, config.run.seed, config.step.precision]
    parts += [sha256_of(Path(path)) for path in (*sources.validation, sources.homologues) if path]
    path = out / SCORES / f"{sha256_of(to_json(parts))[:32]}.json"
    if (known := _read(path)) is not None:
        return known
    validation_sets = sources.validation_sets()
    validation = Validation(config, validation_sets, sources.open_homologues(config, ()))
    model = source.load(training_ops(config.step)).to(device).eval()
    found = validation.scores(model, device, config.validation.templates[0])
    made = tuple(
        ChainAccuracy(
            id=crop.chain.id,
            cluster=crop.chain.cluster,
            length=crop.stop - crop.start,
            lddt_ca=round(scores.lddt, DIGITS),
            tm=round(scores.tm, DIGITS),
        )
        for crop, scores in zip(validation.crops, found, strict=True)
    )
    write_atomic(path, to_json(list(made)))
    return made


def _read(path: Path) -> tuple[ChainAccuracy, ...] | None:
    try:
        entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return tuple(ChainAccuracy(**entry) for entry in entries)
    except (OSError, ValueError, TypeError):
        return None
