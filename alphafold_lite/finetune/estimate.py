"""What a fine-tuning would take: one sample is computed on the device that was asked for, as far as the device is quick enough."""

import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from alphafold_lite.finetune.prepare import chain_arrays
from alphafold_lite.finetune.relatives import Relatives
from alphafold_lite.finetune.structures import Candidate
from alphafold_lite.outputs.files import write_npz
from alphafold_lite.training.chains import ChainSet
from alphafold_lite.training.config import TrainingConfig
from alphafold_lite.training.dataset import MicroBatch, collate, make_example
from alphafold_lite.training.distributed import World
from alphafold_lite.training.loop import build_state, set_up_arithmetic
from alphafold_lite.training.plan import Plan, max_templates
from alphafold_lite.training.randomness import Purpose, generator
from alphafold_lite.training.step import GradientSum

CPU_CROP = 64  # larger crops are not computed on a CPU but extrapolated
FASTEST, SLOWEST = 2, 3  # powers of the crop between which the time of a step grows
# Seconds for one alignment and one scan of the embedded library with two threads (tests/benchmarks/RESULTS.md), as a line over the length
SEARCH_SECONDS, SEARCH_SECONDS_A_RESIDUE = 0.1, 0.003


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """Of the whole run on one device. `low` and `high` are equal where the very crop was computed."""

    num_learning: int
    num_parameters: int
    measured_crop: int
    low_seconds: float
    high_seconds: float
    peak_bytes: float  # parameters, moments, activations


def estimate(config: TrainingConfig, start: str, chains: Sequence[Candidate], device: torch.device) -> Estimate:
    """Compute one micro-batch of the run, or one of a smaller crop, and reckon from it.

    Args:
        chains: the longest of them is computed.
    """
    crop = min(config.data.crop_size, CPU_CROP) if device.type == "cpu" else config.data.crop_size
    smaller = replace(config, data=replace(config.data, crop_size=crop))
    set_up_arithmetic(config)
    model, state = build_state(config, start, device)
    kept = float(sum(t.numel() * t.element_size() for t in (*model.parameters(), *state.tensors().values())))
    sums = GradientSum(model, state.flat, World(device=device))
    batch = _example(smaller, max(chains, key=lambda chain: len(chain.sequence))).map(lambda t: t.to(device))
    before = _peak(device)
    start_time = time.perf_counter()
    one = replace(smaller, step=replace(smaller.step, batch_size=config.step.micro_batch))
    sums.compute(one, 0, [(0, batch)])
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds = (time.perf_counter() - start_time) * config.run.steps * config.step.batch_size / config.step.micro_batch
    ratio = config.data.crop_size / crop
    return Estimate(
        num_learning=state.flat.values.numel(),
        num_parameters=sum(parameter.numel() for parameter in model.parameters()),
        measured_crop=crop,
        low_seconds=seconds * ratio**FASTEST,
        high_seconds=seconds * ratio**SLOWEST,
        peak_bytes=kept + max(_peak(device) - before, 0.0) * ratio**2,
    )


def search_seconds(chains: Sequence[Candidate]) -> float:
    """Rough time for the alignments and hits of these chains."""
    return sum(SEARCH_SECONDS + SEARCH_SECONDS_A_RESIDUE * len(chain.sequence) for chain in chains)


def _example(config: TrainingConfig, chain: Candidate) -> MicroBatch:
    """A micro-batch as large as any of the run: all rows, all templates, the middle number of recycles."""
    plan = Plan(passes=1 + config.step.max_recycles // 2, deep=True, templates=max_templates(config))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.npz"
        write_npz(path, chain_arrays([chain], [Relatives(alignment="", hits=())], np.zeros(1, np.int64)))
        made = ChainSet.open(path)[0]
    rng = generator(config.run.seed, Purpose.EXAMPLE, 0)
    return collate([make_example(made, config, plan, rng) for _ in range(config.step.micro_batch)])


def _peak(device: torch.device) -> float:
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0
