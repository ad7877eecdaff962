"""Fine-tuning from a folder of structures to a network and a summary; every stage goes on from what an earlier call left."""

import logging
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from alphafold_lite.common.errors import InputError
from alphafold_lite.finetune import compare, configuration, prepare, report
from alphafold_lite.finetune.export import export
from alphafold_lite.finetune.record import check_same, read_record, write_record
from alphafold_lite.finetune.settings import FinetuneSettings
from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.training import run_folder
from alphafold_lite.training.config import TrainingConfig
from alphafold_lite.training.distributed import choose_device, joined
from alphafold_lite.training.loop import Run
from alphafold_lite.training.records import Display, read_metrics
from alphafold_lite.training.run_folder import CONFIG, Sources
from alphafold_lite.weights.registry import ParameterSource
from data_pipeline.config import SearchConfig
from data_pipeline.searcher import Searcher

TRAINING = "training"  # the run's folder in the output folder
HTML, JSON = "summary.html", "summary.json"
SHOWN_EVERY = 25  # chains between two lines of the log
log = logging.getLogger("alphafold_lite")


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One call of the command: what is asked for, and how it is run, which changes no result."""

    settings: FinetuneSettings
    out: Path
    resume: bool = False
    device: str = "auto"
    workers: int = 0
    threads: int | None = None  # of searches


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """This process among those that `torchrun` started."""

    rank: int
    size: int

    @classmethod
    def from_environment(cls) -> "Process":
        """By the variables that `torchrun` sets; alone without them."""
        return cls(rank=int(os.environ.get("RANK", "0")), size=int(os.environ.get("WORLD_SIZE", "1")))


def open_searcher(settings: FinetuneSettings, *, threads: int | None) -> Searcher:
    """What searches the library, the embedded one or the user's.

    Raises:
        MissingResourceError: no library there.
    """
    library = None if settings.library is None else Path(settings.library)
    return Searcher(SearchConfig(msa_modes=("embedded",), library=library, threads=threads, use_cache=False))


def resumed(out: Path, *, steps: int | None) -> FinetuneSettings:
    """What the folder was asked for, with another number of steps if one is given.

    Raises:
        InputError: nothing there to resume.
    """
    settings, _ = read_record(out)
    return settings if steps is None else replace(settings, steps=steps)


def finetune(job: Job, show: Callable[[int], AbstractContextManager[Display]]) -> report.Outcome | None:
    """All stages; None in all processes but the first.

    Args:
        show: gives the display of the training for a number of steps.

    Raises:
        InputError: settings, structures or parameters that cannot be used.
        MissingResourceError: parameters or a device that are not there.
        RunInterruptedError: it was asked to stop while it trained; the state is saved.
    """
    process, settings, run = Process.from_environment(), job.settings, job.out / TRAINING
    source = configuration.start_source(settings.params)
    if job.resume:
        check_same(source, read_record(job.out)[1])
    elif process.rank == 0:
        run_folder.check_new(run)
    device = choose_device(job.device)
    _config(job, source, device, process)  # what is wrong with it is better known before the searches than after
    prepared = _prepared(job, source, process)
    sources = sources_of(prepared, source)
    config = _config(job, source, device, process, has_hits=prepared.has_hits)
    num_learning = _train(job, config, sources, device, show)
    if process.rank:
        return None
    return _finish(job, config, sources, prepared, source, device, num_learning)


def _prepared(job: Job, source: ParameterSource, process: Process) -> prepare.Prepared:
    """The training set; that of a run to be resumed is taken as it is, whatever has become of the structures."""
    if job.resume and (known := prepare.read_prepared(job.out, None)) is not None:
        return known
    searcher = open_searcher(job.settings, threads=job.threads)
    with_hits = configuration.reads_library(source)
    if process.rank:
        return prepare.wait_for(job.out, prepare.fingerprint(job.settings, searcher, with_hits=with_hits))
    write_record(job.out, job.settings, source)

    def tell(done: int, total: int, name: str) -> None:
        if done % SHOWN_EVERY == 0:
            log.info("alignments and templates: %d of %d chains, next %s", done, total, name)

    made = prepare.prepare(job.settings, job.out, searcher, with_hits=with_hits, report=tell)
    log.info("%d chains to learn from, %d for validation; %d left out, see %s", made.num_training, made.num_validation, made.num_rejected, prepare.REJECTED)  # fmt: skip
    return made


def sources_of(prepared: prepare.Prepared, source: ParameterSource) -> Sources:
    """The files of the run."""
    folder = prepared.folder
    return Sources(
        data=(str(folder / prepare.TRAINING_SET),),
        validation=(str(folder / prepare.VALIDATION_SET),) if prepared.num_validation else (),
        start=source.origin,
        homologues=str(folder / prepare.HITS) if prepared.has_hits else None,
        relatives=(str(folder / prepare.LIBRARY_SET),) if prepared.has_hits else (),
    )


def _config(
    job: Job, source: ParameterSource, device: torch.device, process: Process, *, has_hits: bool = False
) -> TrainingConfig:
    """That of the run in the folder, with the steps asked for; else a new one."""
    settings, run = job.settings, job.out / TRAINING
    cuda = device.type == "cuda"
    made = configuration.training_config(source, settings, has_hits=has_hits, cuda=cuda, processes=process.size)
    if not job.resume or not (run / CONFIG).is_file():
        return made
    old, _ = run_folder.reopen(run)
    steps = settings.steps or old.run.steps
    config = replace(old, run=replace(old.run, steps=steps))
    run_folder.check_resumable(config, made)
    return config


def _train(
    job: Job,
    config: TrainingConfig,
    sources: Sources,
    device: torch.device,
    show: Callable[[int], AbstractContextManager[Display]],
) -> int:
    """Do the steps that are left; returns how many numbers learn."""
    run = job.out / TRAINING
    with joined(device) as world, show(config.run.steps) as shown:
        training = Run(config, sources, run, world, display=shown, workers=job.workers)
        if world.is_first:
            run_folder.record(run, config, sources)
        training.train()
        return training.state.flat.values.numel()


def _finish(
    job: Job,
    config: TrainingConfig,
    sources: Sources,
    prepared: prepare.Prepared,
    source: ParameterSource,
    device: torch.device,
    num_learning: int,
) -> report.Outcome:
    """The network, its accuracy before and after, the summary."""
    note = f"fine-tuned from {source.name} ({source.sha256[:12]}) on {prepared.num_training} chains, {config.run.steps} steps"
    path = export(job.out, job.out / TRAINING, source, note=note)
    comparison = None
    if prepared.num_validation:
        log.info("validation before and after")
        before, after = (
            compare.score(params, config, sources, job.out, device=device) for params in (source.origin, str(path))
        )
        if not before:
            raise InputError("validation chains that are long enough", "none", "see data.min_length")
        comparison = compare.compare(before, after)
    outcome = report.Outcome(
        model=path.name,
        start=source.name,
        settings=job.settings,
        prepared=prepared,
        steps=config.run.steps,
        num_learning=num_learning,
        num_parameters=configuration.num_parameters(source),
        metrics=read_metrics(job.out / TRAINING),
        comparison=comparison,
        caution=source.caution,
    )
    write_atomic(job.out / JSON, report.summary_json(outcome))
    write_atomic(job.out / HTML, report.summary_html(outcome))
    return outcome
