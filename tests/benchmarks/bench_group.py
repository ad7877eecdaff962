"""Short targets folded together against one by one: the ratio of their times, by length and number.

    python tests/benchmarks/bench_group.py --model lite --lengths 30 40 50 75 100 150 --groups 2 4 8 --json

Each round folds a group's targets one by one and together, in turns, so that whatever else the machine does meets both; printed is the
median ratio of the rounds (above 1: together is faster) with the least and the largest. Targets are up to 8 % shorter than the length,
as a group's may be, with alignments of different depth; the whole of a run is timed, draws and scores included. Parameters are random;
the work does not depend on them. Results are kept in `RESULTS.md` beside this file; `batch/grouping.py` has the limit they led to.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from alphafold_lite.common.features import Features, TemplateFeatures
from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.alphafold import build
from alphafold_lite.predict.group import fold_together
from alphafold_lite.predict.predictor import Predictor
from alphafold_lite.training.presets import training_config
from alphafold_lite.weights.checkpoint import Checkpoint, save_checkpoint
from data_pipeline.config import NO_TEMPLATES, SearchConfig

PADDING = 0.08  # of the length, at most
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def main() -> None:
    """Measure and print."""
    args = arguments()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        predictor = Predictor(
            parameters(args.model, Path(folder)), search=SearchConfig(msa_modes=("single",), templates=NO_TEMPLATES),
            num_recycles=args.recycles, relax="none", device=args.device, precision=args.precision,
        )  # fmt: skip
    for length in args.lengths:
        for number in args.groups:
            report = {
                "model": args.model,
                "device": args.device,
                "threads": args.threads,
                "clock": args.clock,
                "residues": length,
            }
            report |= {"together": number} | measure(predictor, targets(length, number, args), args)
            print(json.dumps(report) if args.json else "  ".join(f"{k} {v}" for k, v in report.items()), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="lite", help="a training preset, or tiny: the preset of predict")
    parser.add_argument("--lengths", type=int, nargs="+", default=[30, 40, 50, 75, 100, 150])
    parser.add_argument("--groups", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--rows", type=int, default=16, help="the deepest alignment")
    parser.add_argument("--templates", type=int, default=1, help="of each target")
    parser.add_argument("--recycles", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall", help="cpu: for one thread of a busy machine")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def parameters(model: str, folder: Path) -> str:
    """Random parameters of a network, as `Predictor` takes them."""
    if model == "tiny":
        return "random:0"
    torch.manual_seed(0)
    config, path = training_config(model), folder / "random.safetensors"
    about = Checkpoint(
        config=config.model, name=model, license="none", untrained=True, max_clusters=config.data.max_clusters,
        max_extra=config.data.max_extra,
    )  # fmt: skip
    save_checkpoint(path, build(config.model, reference()), about)
    return str(path)


def targets(length: int, number: int, args: argparse.Namespace) -> list[Features]:
    """A group of random targets, the first of them of full length."""
    rng = np.random.default_rng((length, number))
    shorter = rng.integers(0, int(PADDING * length) + 1, number)
    shorter[0] = 0
    return [target(int(length - less), int(rng.integers(1, args.rows + 1)), args.templates, rng) for less in shorter]


def target(length: int, rows: int, templates: int, rng: np.random.Generator) -> Features:
    msa = rng.integers(0, 20, (rows, length)).astype(np.int32)
    found = TemplateFeatures(
        names=tuple(f"t{place}" for place in range(templates)),
        aatype=rng.integers(0, 20, (templates, length)).astype(np.int32),
        atom_positions=rng.normal(scale=10, size=(templates, length, 37, 3)).astype(np.float32),
        atom_mask=np.ones((templates, length, 37), np.float32),
        sum_probs=np.ones(templates, np.float32),
    )
    return Features(
        name="random", sequence="A" * length, aatype=msa[0], residue_index=np.arange(length), chain_index=np.zeros(length, np.int32),
        msa=msa, deletion_matrix=np.zeros_like(msa), msa_descriptions=("",) * rows, templates=found if templates else None,
    )  # fmt: skip


def measure(predictor: Predictor, features: Sequence[Features], args: argparse.Namespace) -> dict[str, object]:
    """Seconds a target, and ratios, of rounds after one to warm up."""
    clock = CLOCKS[args.clock]
    found = [
        (one_by_one(predictor, features, clock), together(predictor, features, clock)) for _ in range(args.rounds + 1)
    ][1:]
    ratios = sorted(alone / group for alone, group in found)
    return {
        "alone_seconds": round(statistics.median(alone for alone, _ in found) / len(features), 4),
        "together_seconds": round(statistics.median(group for _, group in found) / len(features), 4),
        "ratio": round(statistics.median(ratios), 3),
        "least": round(ratios[0], 3),
        "largest": round(ratios[-1], 3),
        "rounds": args.rounds,
    }


def one_by_one(predictor: Predictor, features: Sequence[Features], clock: Callable[[], float]) -> float:
    started = clock()
    for model, number in predictor.runs():
        for one in features:
            predictor.run(one, model, number)
    return clock() - started


def together(predictor: Predictor, features: Sequence[Features], clock: Callable[[], float]) -> float:
    started = clock()
    fold_together(predictor, features)
    return clock() - started


if __name__ == "__main__":
    main()
