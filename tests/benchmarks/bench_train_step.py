"""Time and peak memory of one training step: forward pass, losses, gradients, Adam and moving average.

    python tests/benchmarks/bench_train_step.py --preset initial_training --residues 64 --msa 64 --extra 128 --precision fp32
    python tests/benchmarks/bench_train_step.py --preset cpu_small --steps 30 --set step.max_recycles=0

The first form is one crop of the official-size network with one pass and four templates (preset `initial_training`); without `--residues` the
preset's own crops, batches and recycles are timed, data included, after `--warmup` steps. Run it alone on the machine: the peak memory is
that of the whole process. Chains are pieces of one structure of the reference set; times do not depend on them.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from alphafold_lite.training import loop, presets, settings
from alphafold_lite.training.chains import ChainSet
from alphafold_lite.training.config import InputMix, TrainingConfig
from alphafold_lite.training.distributed import World
from alphafold_lite.training.loader import MicroBatches, places_of_step
from alphafold_lite.training.step import LOSS, GradientSum
from tests.support.packed_sets import write
from tests.support.training_runs import one_chain_arrays


def main() -> None:
    """Measure and print one JSON object."""
    args = arguments()
    config = configuration(args)
    torch.set_num_threads(args.threads)
    loop.set_up_arithmetic(config)
    dataset = MicroBatches(config, [chains(84)])
    device = torch.device(args.device)
    model, state = loop.build_state(config, None, device)
    gradients = GradientSum(model, state.flat, World(device=device))

    def step(number: int) -> float:
        began = time.perf_counter()
        batches = [(p.number, dataset[p].map(lambda t: t.to(device))) for p in places_of_step(config, number)]
        outcome = gradients.compute(config, number, batches)
        state.optimizer.update(state.flat.gradient, 1e-4)
        state.ema.update(state.flat.values, 1e-3)
        if not np.isfinite(outcome.means[LOSS]):
            raise SystemExit("the loss is not finite")
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    warm = [step(number) for number in range(args.warmup)]
    times = [step(number) for number in range(args.warmup, args.warmup + args.steps)]
    report = {
        "preset": args.preset, "parameters": state.flat.values.numel(), "crop": config.data.crop_size,
        "rows": config.data.max_clusters, "extra": config.data.max_extra, "batch": config.step.batch_size,
        "precision": config.step.precision, "threads": torch.get_num_threads(), "device": args.device,
        "torch": torch.__version__, "seconds_median": round(float(np.median(times)), 3),
        "seconds_mean": round(float(np.mean(times)), 3), "warmup_seconds": round(sum(warm), 1),
        "samples_per_second": round(config.step.batch_size / float(np.mean(times)), 2),
        "peak_memory_gib": round(peak_memory(device), 2), "set": args.set,
    }  # fmt: skip
    print(json.dumps(report))


def configuration(args: argparse.Namespace) -> TrainingConfig:
    """The preset; with --residues one crop of that size, one pass, all rows used."""
    config = settings.override(
        presets.training_config(args.preset), [f"step.precision={args.precision}"] if args.precision else []
    )
    if args.residues:
        sizes = {"crop_size": args.residues, "max_clusters": args.msa, "max_extra": args.extra}
        templates = replace(config.data.templates, none=0.0, corrupted=1.0)
        data = replace(
            config.data,
            **sizes,
            sampled_rows=args.msa + args.extra,
            inputs=InputMix(alignment=0, sampled=1.0),
            templates=templates,
        )
        config = replace(config, data=data, step=replace(config.step, batch_size=1, micro_batch=1, max_recycles=0))
    return settings.override(config, args.set)


def chains(length: int) -> ChainSet:
    """One chain with a flat profile."""
    arrays = one_chain_arrays(length) | {"profile": np.full((length, 20), 13, np.uint8)}
    with tempfile.TemporaryDirectory() as folder:
        return ChainSet.open(write(Path(folder) / "chain.npz", arrays))


def peak_memory(device: torch.device) -> float:
    """GiB: of the process on a CPU, of the allocator on a GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="cpu_small")
    parser.add_argument("--residues", type=int, default=0)
    parser.add_argument("--msa", type=int, default=64)
    parser.add_argument("--extra", type=int, default=128)
    parser.add_argument("--precision", choices=("fp32", "bf16"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--set", action="append", default=[])
    return parser.parse_args()


if __name__ == "__main__":
    main()
