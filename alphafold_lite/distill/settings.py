"""What a distillation is asked for: frozen configurations, checked when they are made. Imports nothing heavy."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.common.errors import InputError

Measure = Literal["distogram", "plddt"]
BAND = 128  # residues along the chain over which distances count (supplement 1.3)
REFERENCE_SIZE = 1000  # sequences whose predictions make the reference (supplement 1.3)
PREDICTIONS, SELECTED = "predictions", "selected.fasta"  # in the output folder
# supplement 1.3; "confident" in the AlphaFold database
_THRESHOLDS: dict[Measure, float] = {"distogram": 0.5, "plddt": 70.0}
_HIGHEST: dict[Measure, float] = {"distogram": 100.0, "plddt": 99.0}  # nats; of 0-100
PLDDT_RAMP = 20.0  # from the threshold to full weight: 70 to 90, "very high" in the AlphaFold database


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """Which predictions are kept and how their residues count.

    Args:
        measure: of confidence: `distogram` as the supplement, in nats; `plddt`, 0-100.
        threshold: residues below it get the weight 0; None: 0.5 or 70.
        min_confident_share: of the residues of a chain at the threshold or above, for it to be kept.
        min_length, max_length: of sequences that are predicted at all.
        min_depth: rows of the alignment, the query counted, for a chain to be kept.

    Raises:
        InputError: a value out of its range.
    """

    measure: Measure = "distogram"
    threshold: float | None = None
    min_confident_share: float = 0.5
    min_length: int = 30
    max_length: int = 1024  # supplement 1.3
    min_depth: int = 1

    def __post_init__(self) -> None:
        if self.measure not in get_args(Measure):
            raise InputError("--confidence distogram or plddt", repr(self.measure), "choose one of these")
        if not 0 < self.limit <= _HIGHEST[self.measure]:
            expected = f"a --threshold above 0, up to {_HIGHEST[self.measure]:g} of --confidence {self.measure}"
            raise InputError(expected, f"{self.limit:g}", "correct the value")
        if not 0 <= self.min_confident_share <= 1:
            found = f"{self.min_confident_share:g}"
            raise InputError("a --min-confident-share from 0 to 1", found, "correct the value")
        if not 1 <= self.min_length <= self.max_length:
            found = f"{self.min_length} and {self.max_length}"
            raise InputError("1 <= --min-length <= --max-length", found, "correct the lengths")
        if self.min_depth < 1:
            raise InputError("a --min-depth of at least 1", str(self.min_depth), "give a larger number")

    @property
    def limit(self) -> float:
        """The confidence from which on a residue counts."""
        return _THRESHOLDS[self.measure] if self.threshold is None else self.threshold

    @property
    def full(self) -> float:
        """The confidence from which on a residue counts fully."""
        return 2 * self.limit if self.measure == "distogram" else min(self.limit + PLDDT_RAMP, 100.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class DistillSettings:
    """How sequences are predicted, and what becomes of the predictions.

    Args:
        batch: of the predictions; its `fasta` holds the sequences, its `out_dir` is that of the distillation.
        keep_distograms: do not remove them once confidences are made of them.

    Raises:
        InputError: several models or seeds: one prediction of each sequence is learned from.
    """

    batch: BatchSettings
    rules: Rules = field(default_factory=Rules)
    keep_distograms: bool = False

    def __post_init__(self) -> None:
        prediction = self.batch.prediction
        if len(prediction.models) > 1 or prediction.num_seeds > 1:
            found = f"{len(prediction.models)} models, {prediction.num_seeds} seeds"
            raise InputError("one model and one seed (supplement 1.3: no re-ranking)", found, "name one model")

    @property
    def out(self) -> Path:
        """The output folder."""
        return self.batch.out_dir

    @property
    def predicting(self) -> BatchSettings:
        """The batch below the output folder, of the selected sequences, without relaxation."""
        band = BAND if self.rules.measure == "distogram" else 0
        prediction = replace(self.batch.prediction, relax="none", distogram_band=band)
        fasta = str(self.out / SELECTED)
        return replace(self.batch, fasta=fasta, out_dir=self.out / PREDICTIONS, prediction=prediction)
