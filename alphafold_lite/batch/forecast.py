"""What a batch will take, before anything is searched or folded: per target, and in total."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from alphafold_lite.batch.ladder import max_residues, rungs
from alphafold_lite.batch.shards import distinct_namer
from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.run_record import sha256_of
from alphafold_lite.predict.costs import load_of
from alphafold_lite.predict.device import free_bytes, too_long
from alphafold_lite.predict.forecast import CostModel, Load
from alphafold_lite.predict.measuring import calibrate
from alphafold_lite.predict.predictor import LoadedModel, Predictor
from data_pipeline.config import NO_TEMPLATES, SearchConfig
from data_pipeline.parsers.fasta import CHAIN_BREAK, FastaRecord, RecordProblem, stream_fasta

# Measured on 100 validation chains with the embedded library (tests/benchmarks/RESULTS.md): the median number of rows, the share with a template.
EMBEDDED_ROWS, EMBEDDED_TEMPLATES = 7, 0.52
DIGEST_BYTES = 16  # by which sequences are told apart
State = Literal["fits", "may fit", "cannot fit", "unusable", "same", "done"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """What searches are taken to find: rows of the alignment (None: as many as a network reads), and the share of targets with templates."""

    rows: int | None
    templates: float

    @classmethod
    def of(cls, search: SearchConfig) -> "Expectation":
        """By what is searched."""
        searches_databases = bool(search.databases) or search.data_dir is not None
        embedded = search.msa_modes == ("embedded",) or (search.msa_modes is None and not searches_databases)
        rows = 1 if search.msa_modes == ("single",) else EMBEDDED_ROWS if embedded else None
        if search.template_files or search.data_dir is not None:
            return cls(rows=rows, templates=1.0)
        return cls(rows=rows, templates=0.0 if search.templates == NO_TEMPLATES else EMBEDDED_TEMPLATES)

    @property
    def text(self) -> str:
        """For people."""
        if self.rows == 1 and not self.templates:
            return "queries alone"
        rows = "alignments as deep as the network reads" if self.rows is None else f"alignment rows: {self.rows}"
        return f"{rows}, templates for {100 * self.templates:.0f} % of the targets"


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetForecast:
    """One target. Times in seconds and memory in bytes are None for what is not folded; the range is from a query alone to full depth."""

    name: str
    num_res: int
    state: State
    seconds: float | None = None
    seconds_range: tuple[float, float] | None = None
    peak_bytes: float | None = None
    extrapolated: bool = False
    reason: str | None = None

    def to_json_dict(self) -> dict[str, object]:
        """The object that `--json` prints."""
        spread = self.seconds_range
        return {
            "name": self.name,
            "residues": self.num_res,
            "state": self.state,
            "seconds": _rounded(self.seconds),
            "seconds_range": None if spread is None else [_rounded(value) for value in spread],
            "peak_bytes": None if self.peak_bytes is None else round(self.peak_bytes),
            "extrapolated": self.extrapolated,
            "reason": self.reason,
        }


@dataclass(slots=True)
class Total:
    """Sums over what is to be folded, the largest memory of one target, and how many there are in each state."""

    counts: dict[State, int]
    seconds: float = 0.0
    least_seconds: float = 0.0
    most_seconds: float = 0.0
    peak_bytes: float = 0.0
    num_extrapolated: int = 0

    def add(self, target: TargetForecast) -> None:
        """Count a target."""
        self.counts[target.state] = self.counts.get(target.state, 0) + 1
        if target.state not in ("fits", "may fit") or target.seconds_range is None:
            return
        self.seconds += target.seconds or 0.0
        self.least_seconds += target.seconds_range[0]
        self.most_seconds += target.seconds_range[1]
        self.peak_bytes = max(self.peak_bytes, target.peak_bytes or 0.0)
        self.num_extrapolated += target.extrapolated

    def to_json_dict(self) -> dict[str, object]:
        """The object that `--json` prints last."""
        return {
            "targets": self.counts,
            "seconds": _rounded(self.seconds),
            "seconds_range": [_rounded(self.least_seconds), _rounded(self.most_seconds)],
            "peak_bytes": round(self.peak_bytes),
            "extrapolated": self.num_extrapolated,
        }


class Forecaster:
    """Knows the networks, what they cost here and what is free; measures the device where that has not been done.

    Args:
        again: measure it again.
    """

    def __init__(self, predictor: Predictor, *, again: bool = False) -> None:
        calibrate(predictor, again=again)
        self._predictor = predictor
        self._costs = [_cost(predictor, model) for model in predictor.models]
        self._base = max(cost.base_bytes for cost in self._costs)
        self._max_residues = max_residues(predictor, rungs(predictor))
        self.free_bytes = free_bytes(predictor.placement.device)
        self.expectation = Expectation.of(predictor.search_in_use)

    @property
    def place(self) -> str:
        """Device and precision, for people."""
        placement, threads = self._predictor.placement, self._predictor.num_threads
        return f"{placement.device.type}, {placement.precision}, {threads} threads"

    def target(self, record: FastaRecord) -> TargetForecast:
        """What one record will take."""
        num_res, expected = sum(map(len, record.chains)), self.expectation
        if self._max_residues is not None and num_res > self._max_residues:
            reason = str(too_long(num_res, self._max_residues))
            return TargetForecast(name=record.name, num_res=num_res, state="cannot fit", reason=reason)
        alone = self._loads(num_res, rows=1, templates=False)
        plain = self._loads(num_res, rows=expected.rows, templates=False)
        likely = self._loads(num_res, rows=expected.rows, templates=expected.templates > 0)
        most = self._loads(num_res, rows=1 if expected.rows == 1 else None, templates=expected.templates > 0)
        seconds = (1 - expected.templates) * self._seconds(plain) + expected.templates * self._seconds(likely)
        return TargetForecast(
            name=record.name,
            num_res=num_res,
            state="fits" if self._beyond(most) <= (self.free_bytes or float("inf")) else "may fit",
            seconds=seconds,
            seconds_range=(self._seconds(alone), self._seconds(most)),
            peak_bytes=self._base + self._beyond(likely),
            extrapolated=any(cost.extrapolates(load) for cost, load in zip(self._costs, likely, strict=True)),
        )

    def _loads(self, num_res: int, *, rows: int | None, templates: bool) -> list[Load]:
        passes = self._predictor.settings.num_recycles + 1
        return [
            load_of(
                model.sampling,
                num_res=num_res,
                rows=model.sampling.num_centres + model.sampling.max_extra if rows is None else rows,
                templates=templates,
                passes=passes,
            )
            for model in self._predictor.models
        ]

    def _seconds(self, loads: list[Load]) -> float:
        once = sum(cost.seconds(load) for cost, load in zip(self._costs, loads, strict=True))
        return once * self._predictor.settings.num_seeds

    def _beyond(self, loads: list[Load]) -> float:
        known, models, placement = self._predictor.costs, self._predictor.models, self._predictor.placement
        return max(
            known.bytes_beyond(model.network.config, placement, load) for model, load in zip(models, loads, strict=True)
        )


def forecast(
    fasta: str,
    forecaster: Forecaster,
    *,
    force: bool = False,
    only: tuple[str, ...] = (),
    is_done: Callable[[FastaRecord], bool] | None = None,
) -> Iterator[TargetForecast]:
    """Every record of a FASTA file in its order; of each only its name and a digest are held.

    Args:
        force, only: as for a batch.
        is_done: whether an earlier batch has folded a record.

    Raises:
        InputError: a FASTA file that cannot be read or has no usable record, or `only` names that are not in it.
    """
    names, sequences, wanted = set[str](), set[bytes](), {name.lower() for name in only}
    first_problem: InputError | None = None
    for entry in stream_fasta(fasta, distinct_namer(names), force=force):
        if isinstance(entry, RecordProblem):
            first_problem = first_problem or entry.error
        if wanted and entry.name.lower() not in wanted:
            continue
        if isinstance(entry, RecordProblem):
            yield TargetForecast(name=entry.name, num_res=0, state="unusable", reason=str(entry.error))
            continue
        digest = bytes.fromhex(sha256_of(CHAIN_BREAK.join(entry.chains)))[:DIGEST_BYTES]
        if is_done is not None and is_done(entry):
            yield TargetForecast(name=entry.name, num_res=len(entry.sequence), state="done")
        elif digest in sequences:
            yield TargetForecast(name=entry.name, num_res=len(entry.sequence), state="same")
        else:
            yield forecaster.target(entry)
        sequences.add(digest)
    if not sequences and first_problem is not None and not wanted:
        raise first_problem
    if missing := [name for name in only if name.lower() not in names]:
        raise InputError("--only names of records in the FASTA file", repr(missing[0]), "correct the name")


def _cost(predictor: Predictor, model: LoadedModel) -> CostModel:
    cost = predictor.costs.measured(model.network.config, predictor.placement)
    if cost is None:
        raise ValueError(f"{model.source.name} has not been measured")
    return cost


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
