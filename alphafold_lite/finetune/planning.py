"""`--dry-run`: what a fine-tuning would use and take. Nothing is written and nothing is searched for."""

from dataclasses import dataclass
from pathlib import Path

from alphafold_lite.finetune import configuration
from alphafold_lite.finetune.estimate import Estimate, estimate, search_seconds
from alphafold_lite.finetune.prepare import DATA
from alphafold_lite.finetune.relatives import Finder
from alphafold_lite.finetune.run import Job, Process, open_searcher
from alphafold_lite.finetune.survey import Survey, survey
from alphafold_lite.predict.device import GIB, free_bytes
from alphafold_lite.training.distributed import choose_device


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What would happen."""

    survey: Survey
    num_to_search: int
    search_seconds: float
    estimate: Estimate
    steps: int
    batch: int
    crop: int
    device: str
    free_text: str  # free memory, where the system tells


def plan(job: Job) -> Plan:
    """Read the structures and compute one sample.

    Raises:
        InputError, MissingResourceError: as the run itself would.
    """
    settings, device = job.settings, choose_device(job.device)
    source = configuration.start_source(settings.params)
    searcher = open_searcher(settings, threads=job.threads)
    found = survey(settings, threads=searcher.threads)
    with_hits = configuration.reads_library(source)
    msa_dir = None if settings.msa_dir is None else Path(settings.msa_dir)
    finder = Finder(job.out / DATA, searcher, msa_dir, with_hits=with_hits)
    unknown = [chain for chain in found.chains if not finder.is_known(chain)]
    processes = Process.from_environment().size
    cuda = device.type == "cuda"
    config = configuration.training_config(source, settings, has_hits=with_hits, cuda=cuda, processes=processes)
    learnt = [chain for chain, judged in zip(found.chains, found.is_validation, strict=True) if not judged]
    free = free_bytes(device)
    return Plan(
        survey=found,
        num_to_search=len(unknown),
        search_seconds=search_seconds(unknown),
        estimate=estimate(config, source.origin, learnt, device),
        steps=config.run.steps,
        batch=config.step.batch_size,
        crop=config.data.crop_size,
        device=device.type,
        free_text="" if free is None else f" ({free / GIB:.1f} GiB free)",
    )
