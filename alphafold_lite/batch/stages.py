"""What workers do with one target: search, fold, relax. Each leaves whole files behind, which the next one reads."""

import json
import logging
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import torch

from alphafold_lite.batch.checks import check_structure
from alphafold_lite.batch.distogram_file import Distogram, save_distogram
from alphafold_lite.batch.files import checksums, distogram_file
from alphafold_lite.batch.grouping import Grouping, automatic_residues
from alphafold_lite.batch.ladder import Rung, lightened, max_residues, rungs
from alphafold_lite.batch.messages import Begun, Failure, Job, JobEnded, Message, OfMember, Ready, Stage, StageResult
from alphafold_lite.batch.result_file import load_results, save_results
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.common.features import Features
from alphafold_lite.geometry.violations import violating_residues
from alphafold_lite.outputs.files import RUN_FILE, write_atomic
from alphafold_lite.outputs.scores import to_json
from alphafold_lite.predict.collect import collect
from alphafold_lite.predict.device import DoesNotFitError
from alphafold_lite.predict.folder import RunIdentity, TargetFolder, run_identity, target_record
from alphafold_lite.predict.group import FoldedTogether, fold_together
from alphafold_lite.predict.memory import peak, reset_peak
from alphafold_lite.predict.predictor import Predictor
from alphafold_lite.predict.progress import Silent
from alphafold_lite.predict.result import FoldResult
from alphafold_lite.predict.targets import Clock, fold_models, fold_stage, folded_entry, relax_ranked
from alphafold_lite.relax import relaxation
from alphafold_lite.relax.result import RelaxConfig
from data_pipeline.config import SearchConfig
from data_pipeline.feature_file import load_features
from data_pipeline.searcher import Searcher

log = logging.getLogger("alphafold_lite")
CPU = torch.device("cpu")
Send = Callable[[Message], None]


class Worker(Protocol):
    """Set up once, then one job after another."""

    def ready(self) -> Ready:
        """What the keeper of the journal must know."""
        ...

    def do(self, job: Job, send: Send) -> JobEnded:
        """All stages of a job; errors are the job's failure."""
        ...


@dataclass(slots=True)
class _Noted:
    details: dict[str, object] = field(default_factory=dict[str, object])
    device: str = "cpu"
    error: str | None = None


@contextmanager
def _stage(
    stage: Stage, job: Job, send: Send, device: torch.device = CPU, *, begun: float | None = None
) -> Generator[_Noted]:
    """Report a stage: its beginning, and when it came to its end also time, memory and files.

    Args:
        begun: seconds spent on it already, where its beginning was told; None: it begins here.
    """
    noted, started = _Noted(device=device.type), time.monotonic()
    if begun is None:
        send(Begun(stage=stage))
        reset_peak(device)
    yield noted
    result = StageResult(
        stage=stage,
        seconds=time.monotonic() - started + (begun or 0.0),
        device=noted.device,
        peak_bytes=peak(device),
        files=checksums(job.folder, stage),
        details=noted.details,
        error=noted.error,
    )
    send(result)


class SearchWorker:
    """Searches and builds features; needs no network.

    Raises:
        InputError, MissingResourceError: as `Searcher`.
    """

    def __init__(self, search: SearchConfig, identity: RunIdentity) -> None:
        self._searcher = None if search.searches_nothing else Searcher(search)
        self._identity = identity

    def ready(self) -> Ready:
        return Ready()

    def do(self, job: Job, send: Send) -> JobEnded:
        with _stage("search", job, send) as noted:
            collected = collect(job.record, (), self._searcher)
            noted.details |= {"msa_depth": collected.depth.num_rows, "neff": collected.depth.median_neff}
            noted.details["templates"] = sum(outcome.used for outcome in collected.outcomes)
        with _stage("features", job, send):
            record = target_record(self._identity, job.record, collected)
            folder = TargetFolder(job.folder, record, overwrite=job.overwrite)
            folder.write_features(collected)
        return JobEnded()


class FoldWorker:
    """Holds the network. Where nothing is relaxed it also ends the target.

    Raises:
        InputError, MissingResourceError: as `Predictor`.
    """

    def __init__(self, settings: BatchSettings) -> None:
        self._predictor = Predictor(settings.params, settings=settings.prediction, search=settings.search)
        self._rungs = rungs(self._predictor)
        self._relaxes = self._predictor.relax_choice != "none"
        self._grouping = _grouping(settings, self._predictor)
        self._settings = settings

    def ready(self) -> Ready:
        predictor = self._predictor
        return Ready(
            identity=run_identity(predictor),
            search=predictor.search_in_use,
            max_residues=max_residues(predictor, self._rungs),
            grouping=self._grouping,
        )

    def do(self, job: Job, send: Send) -> JobEnded:
        if not job.others:
            return self._target(job, send)
        jobs = (job, *job.others)
        sends = [_of_member(send, member) for member in range(len(jobs))]
        for one, tell, folded in zip(jobs, sends, self._together(jobs, sends), strict=True):
            try:
                ended = self._target(one, tell, folded)
            except Exception as error:  # noqa: BLE001 - the failure of one target, whatever it is
                ended = JobEnded(failure=Failure.of(error))
            tell(ended)
        return JobEnded()

    def _together(self, jobs: Sequence[Job], sends: Sequence[Send]) -> Sequence[FoldedTogether | None]:
        """The results of targets folded in the same passes; None for each where that fails, so that they are folded one by one."""
        device = self._predictor.placement.device
        for send in sends:
            send(Begun(stage="fold"))
        reset_peak(device)
        try:
            return fold_together(self._predictor, [load_features(job.folder / "features.npz") for job in jobs])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is met again by the target that it belongs to
            names = ", ".join(job.record.name for job in jobs)
            log.warning("%s: folded one by one, since together they failed: %s: %s", names, type(error).__name__, error)
        if device.type == "cuda":
            torch.cuda.empty_cache()
        return [None] * len(jobs)

    def _target(self, job: Job, send: Send, folded: FoldedTogether | None = None) -> JobEnded:
        """Fold one target, or take what was folded of it together with others, and go on to its end."""
        folder, clock = TargetFolder.reopened(job.folder), Clock(Silent())
        clock.seconds |= job.seconds
        features = load_features(job.folder / "features.npz")
        begun = None if folded is None else sum(folded.seconds)
        with _stage("fold", job, send, self._predictor.placement.device, begun=begun) as noted:
            if folded is None:
                ranking, number = self._fold(job, features, folder, clock)
            else:
                number, noted.details["together"] = 0, folded.size
                ranking = fold_models(job.record.name, folded, features, folder, clock, check=check_structure)
                for run, seconds in zip(folded.runs(), folded.seconds, strict=True):
                    clock.seconds[fold_stage(*run)] += seconds
            rung, best = self._rungs[number], ranking[0]
            noted.details |= {"mean_plddt": best.mean_plddt, "ptm": best.ptm, "iptm": best.iptm, "rung": rung.name}
            noted.details |= {"seconds": clock.seconds, "models": [folded_entry(result) for result in ranking]}
            noted.details |= {"caution_of": best.model} if best.caution else {}
            noted.device = rung.device or noted.device
            if number:
                _note_rung(job, rung)
            if self._relaxes:
                save_results(ranking, job.scratch)
            self._keep_distogram(best, job)
        if not self._relaxes:
            with _stage("write", job, send):
                folder.write_metrics(
                    relax_ranked(job.record.name, ranking, self._predictor, folder, clock), clock.seconds
                )
        return JobEnded(rung=number)

    def _keep_distogram(self, best: FoldResult, job: Job) -> None:
        """Keep the distogram of the best structure, where distograms are asked for, under the key of the target, as results are kept."""
        if best.distogram is not None:
            path = distogram_file(self._settings.out_dir, job.scratch.stem, self._settings.shard)
            save_distogram(Distogram(num_res=len(best.plddt), log_probabilities=best.distogram), path)

    def _fold(
        self, job: Job, features: Features, folder: TargetFolder, clock: Clock
    ) -> tuple[tuple[FoldResult, ...], int]:
        """Fold on the first rung from `job.rung` on that the memory is enough for."""
        failure: Exception | None = None
        for number in range(min(job.rung, len(self._rungs) - 1), len(self._rungs)):
            with lightened(self._predictor, self._rungs[number]) as predictor:
                try:
                    predictor.check_memory(features)
                    ranking = fold_models(job.record.name, predictor, features, folder, clock, check=check_structure)
                    return ranking, number
                except DoesNotFitError as error:
                    failure = error
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        raise failure or RuntimeError("no rung to fold on")


class RelaxWorker:
    """Relaxes, writes what depends on it and so ends the target."""

    def __init__(self, identity: RunIdentity) -> None:
        config = identity.configuration["relaxation"]
        self._choice = str(identity.configuration["relax"])
        self._config = RelaxConfig(**config) if isinstance(config, dict) else RelaxConfig()

    def ready(self) -> Ready:
        return Ready()

    def relaxes(self, rank: int) -> bool:
        """Whether the structure of this rank is to be relaxed."""
        return self._choice == "all" or rank == 0

    def relax(self, result: FoldResult, rank: int) -> FoldResult:
        """The result after relaxation if its rank is to be relaxed, else as it was."""
        if not self.relaxes(rank):
            return result
        return result.with_relaxation(relaxation.relax(result.unrelaxed, violating_residues, self._config))

    def do(self, job: Job, send: Send) -> JobEnded:
        folder, clock = TargetFolder.reopened(job.folder), Clock(Silent())
        clock.seconds |= job.seconds
        with _stage("relax", job, send) as noted:
            relaxed = relax_ranked(job.record.name, load_results(job.scratch), self, folder, clock)
            outcomes = [result.relaxation for result in relaxed if result.relaxation is not None]
            noted.details["relaxation"] = [outcome.status for outcome in outcomes]
            failed = [outcome.message for outcome in outcomes if outcome.status == "failed"]
            noted.error = f"relaxation failed: {failed[0]}" if failed else None
        with _stage("write", job, send):
            folder.write_metrics(relaxed, clock.seconds)
        return JobEnded()


def _of_member(send: Send, member: int) -> Send:
    """What is told of one target of a group."""

    def tell(message: Message) -> None:
        if isinstance(message, Begun | StageResult | JobEnded):
            message = OfMember(member=member, message=message)
        send(message)

    return tell


def _grouping(settings: BatchSettings, predictor: Predictor) -> Grouping | None:
    """What is folded together: what was asked for, or what was measured to be faster; nothing on a cluster, whose jobs are of one target."""
    if settings.engine != "local":
        return None
    configs = [model.network.config for model in predictor.models]
    residues = settings.group_residues
    if residues is None:
        residues = min(
            automatic_residues(config.pair_channels, attends=config.evoformer.has_triangle_attention(0))
            for config in configs
        )
    rows = max(model.sampling.num_centres + model.sampling.max_extra for model in predictor.models)
    return Grouping(max_residues=residues, max_rows=rows) if residues else None


def _note_rung(job: Job, rung: Rung) -> None:
    path = job.folder / RUN_FILE
    content = json.loads(path.read_text("utf-8"))
    reduced = {name: getattr(rung, name) for name in ("precision", "max_clusters", "max_extra", "device")}
    write_atomic(path, to_json(content | {"out_of_memory": {"rung": rung.name, **reduced}}))
