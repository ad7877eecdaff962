"""Many targets one after another: one that fails is reported and the rest go on."""

import logging
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from alphafold_lite.common.errors import EXIT_INTERNAL, EXIT_OK, EXIT_SOME_FAILED, AlphaFoldLiteError, InputError
from alphafold_lite.common.features import Features
from alphafold_lite.predict.collect import tell
from alphafold_lite.predict.device import is_out_of_memory, out_of_memory
from alphafold_lite.predict.familiar import familiar_note
from alphafold_lite.predict.folder import TargetFolder, run_identity, target_record
from alphafold_lite.predict.predictor import LoadedModel, Predictor, ranked
from alphafold_lite.predict.progress import Progress
from alphafold_lite.predict.result import FoldResult
from data_pipeline.complexes import complex_note
from data_pipeline.parsers.fasta import FastaReading, FastaRecord, RecordProblem
from data_pipeline.pipeline import read_alignment

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Where results go and which alignment is used."""

    out_dir: Path
    msa: Path | None = None
    overwrite: bool = False
    debug: bool = False  # show tracebacks of failed targets


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetReport:
    """What became of one target; `error` and `exit_code` say why it failed."""

    name: str
    header: str
    folder: Path
    results: tuple[FoldResult, ...] = ()  # best first
    seconds: float = 0.0
    error: str | None = None
    exit_code: int = EXIT_OK

    def to_json_dict(self) -> dict[str, object]:
        """The object that `--json` prints."""
        untrained = any(result.untrained for result in self.results)
        return {
            "name": self.name,
            "header": self.header,
            "status": "done" if self.error is None else "failed",
            "error": self.error,
            "folder": str(self.folder),
            "seconds": round(self.seconds, 3),
            "untrained": untrained,
            "note": next((result.note for result in self.results), None),
            "models": [self._model(result, rank) for rank, result in enumerate(self.results)],
        }

    def _model(self, result: FoldResult, rank: int) -> dict[str, object]:
        relaxation = result.relaxation
        return folded_entry(result) | {
            "relaxation": None if relaxation is None else relaxation.status,
            "pdb": str(self.folder / f"ranked_{rank}.pdb"),
        }


def folded_entry(result: FoldResult) -> dict[str, object]:
    """What `--json` prints of a structure before it is relaxed."""
    interface = {} if result.iptm is None else {"iptm": round(result.iptm, 4)}
    return {
        "name": result.stem,
        "seed": result.seed,
        "mean_plddt": round(result.mean_plddt, 2),
        "ptm": None if result.ptm is None else round(result.ptm, 4),
        **interface,
        "recycles": result.num_recycles,
    }


class Relaxer(Protocol):
    """What relaxes; a `Predictor` does."""

    def relaxes(self, rank: int) -> bool:
        """Whether the structure of this rank (0 is the best) is to be relaxed."""
        ...

    def relax(self, result: FoldResult, rank: int) -> FoldResult:
        """The result after relaxation, or as it was."""
        ...


class Folder(Protocol):
    """What folds; a `Predictor` does."""

    def runs(self) -> Iterator[tuple[LoadedModel, int]]:
        """Every model with every number N of `pred_N`."""
        ...

    def run(self, features: Features, model: LoadedModel, number: int) -> FoldResult:
        """One model, one seed, no relaxation."""
        ...


class Clock:
    """Announces stages and adds up their seconds."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, *, shown: bool = True) -> Generator[None]:
        """Time what happens inside."""
        if shown:
            self._progress.stage(name)
        started = time.monotonic()
        yield
        if shown:
            self.seconds[name] = time.monotonic() - started


def exit_code(codes: Iterable[int]) -> int:
    """0 when all targets are done, the code of the failure when all failed alike, else 3."""
    distinct = set(codes)
    return distinct.pop() if len(distinct) == 1 else EXIT_SOME_FAILED if distinct else EXIT_OK


def predict_targets(reading: FastaReading, predictor: Predictor, request: Request) -> Iterator[TargetReport]:
    """Predict every usable record in file order and report each as it is done; records with problems are reported as failed.

    Raises:
        InputError: an alignment together with several records, or search settings that do not fit together.
        MissingResourceError: a database that is not there.
    """
    predictor.prepare_search()  # what no target could be searched with is one error, not one a target
    entries = sorted([*reading.records, *reading.problems], key=lambda entry: entry.index)
    if request.msa is not None and len(entries) > 1:
        action = "give the alignment with the one record it belongs to"
        raise InputError("one FASTA record beside --msa", f"{len(entries)} records", action)
    for number, entry in enumerate(entries, 1):
        predictor.progress.target(entry.name, number, len(entries))
        yield _report(entry, predictor, request)


def _report(entry: FastaRecord | RecordProblem, predictor: Predictor, request: Request) -> TargetReport:
    folder, started = request.out_dir / entry.name, time.monotonic()
    results: tuple[FoldResult, ...] = ()
    error, code = None, EXIT_OK
    try:
        if isinstance(entry, RecordProblem):
            raise entry.error
        results = _predict(entry, predictor, request, folder)
    except Exception as failure:  # noqa: BLE001 - the other targets must go on, whatever this one met
        error, code = _explain(failure, entry, predictor)
        log.error("%s: %s", entry.name, error)
        if request.debug:
            traceback.print_exc()
    return TargetReport(
        name=entry.name,
        header=entry.header,
        folder=folder,
        results=results,
        seconds=time.monotonic() - started,
        error=error,
        exit_code=code,
    )


def _explain(error: Exception, entry: FastaRecord | RecordProblem, predictor: Predictor) -> tuple[str, int]:
    if is_out_of_memory(error) and isinstance(entry, FastaRecord):
        error = out_of_memory(predictor.placement.device, num_res=len(entry.sequence))
    if isinstance(error, AlphaFoldLiteError):
        return str(error), error.exit_code
    message = f"internal error: {type(error).__name__}: {error}; run again with --debug for the traceback"
    return message, EXIT_INTERNAL


def _predict(record: FastaRecord, predictor: Predictor, request: Request, path: Path) -> tuple[FoldResult, ...]:
    """One target through all stages; each stage leaves its files before the next begins."""
    for notice in record.notices:
        log.warning("%s", notice)
    if (note := complex_note(record.chains)) is not None:
        log.warning("%s: %s", record.name, note)
    clock = Clock(predictor.progress)
    with clock.stage("features"):
        predictor.check_length(len(record.sequence))
        alignments = [] if request.msa is None else [read_alignment(request.msa)]
        collected = predictor.collect(record, alignments)
        features = collected.features
        predictor.check_memory(features)
        identity = run_identity(predictor)
        folder = TargetFolder(path, target_record(identity, record, collected), overwrite=request.overwrite)
        folder.write_features(collected)
    tell(record.name, collected)
    if (note := familiar_note(collected, identity.learnt)) is not None:
        log.warning("%s: %s", record.name, note)
    ranking = fold_models(record.name, predictor, features, folder, clock)
    relaxed = relax_ranked(record.name, ranking, predictor, folder, clock)
    folder.write_metrics(relaxed, clock.seconds)
    return relaxed


def fold_models(
    name: str,
    predictor: Folder,
    features: Features,
    folder: TargetFolder,
    clock: Clock,
    *,
    check: Callable[[FoldResult], None] | None = None,
) -> tuple[FoldResult, ...]:
    """Every model and seed, unrelaxed and best first; all of it is written, and the ranking.

    Args:
        check: raises an error for a result that must not be written.
    """
    found: list[FoldResult] = []
    for model, number in predictor.runs():
        with clock.stage(fold_stage(model, number)):
            result = predictor.run(features, model, number)
            if check is not None:
                check(result)
            folder.write_unrelaxed(result)
        log.info("%s, %s: mean pLDDT %.1f after %d recycles", name, result.stem, result.mean_plddt, result.num_recycles)
        found.append(result)
    ranking = ranked(found)
    folder.write_ranking(ranking)
    return ranking


def fold_stage(model: LoadedModel, number: int) -> str:
    """The name of a fold in `timings.json`."""
    return f"predict {model.source.name}_pred_{number}"


def relax_ranked(
    name: str, ranking: Sequence[FoldResult], relaxer: Relaxer, folder: TargetFolder, clock: Clock
) -> tuple[FoldResult, ...]:
    """Relax the structures whose rank is to be relaxed, and write `ranked_….pdb` of all."""
    relaxed: list[FoldResult] = []
    for rank, result in enumerate(ranking):
        with clock.stage(f"relax {result.stem}", shown=relaxer.relaxes(rank)):
            relaxed.append(relaxer.relax(result, rank))
            folder.write_relaxed(relaxed[-1], rank)
        _tell(name, relaxed[-1])
    return tuple(relaxed)


def _tell(name: str, result: FoldResult) -> None:
    if result.relaxation is not None:
        level = logging.INFO if result.relaxation.status == "converged" else logging.WARNING
        log.log(level, "%s, %s: %s", name, result.stem, result.relaxation.message)
