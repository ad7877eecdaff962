"""How far the forecast of time and memory is from what runs of other lengths take.

    python tests/benchmarks/bench_forecast.py --params random:0 --threads 2

Measures the device as `alphafold-lite estimate` does, then runs lengths that were not measured, each in a process of its own, with all passes, and compares.
Run it alone on the machine. Exit code 1 where the median error of time or memory is over 25 % or any is over 50 %. Results are kept in `RESULTS.md`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from alphafold_lite.outputs.files import RUN_FILE, write_atomic
from alphafold_lite.predict.calibration import device_name
from alphafold_lite.predict.costs import load_of
from alphafold_lite.predict.folder import TargetFolder
from alphafold_lite.predict.forecast import CostModel, Load
from alphafold_lite.predict.measuring import LENGTHS, SECONDS, measure, run_once
from alphafold_lite.predict.memory import peak, reset_peak
from alphafold_lite.predict.predictor import LoadedModel, Predictor

MEDIAN_LIMIT, LARGEST_LIMIT = 0.25, 0.5
WARM_UP = Load(num_res=16)


def main() -> None:
    """Measure, forecast, run and compare."""
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    predictor = Predictor(args.params, relax="none", device=args.device, num_recycles=args.recycles)
    if args.load is not None:
        print(json.dumps(run_one(predictor, Load(**json.loads(args.load)))))
        return
    model, started = predictor.models[0], time.monotonic()
    cost = measure(predictor, model, seconds=args.seconds).cost_model()
    about = f"{model.source.name}, {device_name(predictor.placement.device)}, {predictor.placement.precision}"
    print(f"{about}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"measured in {time.monotonic() - started:.0f} s, up to {cost.largest}")
    print("residues rows+extra templates | seconds: forecast, run, error | MiB: forecast, run, error")
    errors = [compare(args, cost, load) for load in held_out(args, model)]
    ok = True
    for name, values in zip(("time", "memory"), zip(*errors, strict=True), strict=True):
        median, largest = statistics.median(values), max(values)
        print(f"{name}: median error {100 * median:.0f} %, largest {100 * largest:.0f} %, {len(values)} runs")
        ok = ok and median <= MEDIAN_LIMIT and largest <= LARGEST_LIMIT
    raise SystemExit(0 if ok else 1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--params", default="random:0")
    parser.add_argument("--lengths", default="40,56,80,112,160,224,320,448", help="none of those that are measured")
    parser.add_argument("--rows", default="1,7", help="rows of the alignment, each with and without templates")
    parser.add_argument("--recycles", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for the measurements that the forecast is from")
    parser.add_argument("--load", help=argparse.SUPPRESS)  # one run in a process of its own
    return parser.parse_args()


def held_out(args: argparse.Namespace, model: LoadedModel) -> list[Load]:
    """Every length with every number of rows, without and with templates."""
    lengths = [int(text) for text in args.lengths.split(",")]
    if known := set(lengths) & set(LENGTHS):
        raise SystemExit(f"lengths that are not among those measured, without {sorted(known)}")
    return [
        load_of(model.sampling, num_res=length, rows=int(rows), templates=templates, passes=args.recycles + 1)
        for length in lengths
        for rows in args.rows.split(",")
        for templates in ([False, True] if model.sampling.max_templates else [False])
    ]


def compare(args: argparse.Namespace, cost: CostModel, load: Load) -> tuple[float, float]:
    """Relative errors of time and memory for one size."""
    command = [sys.executable, __file__, "--load", json.dumps(asdict(load))]
    for name in ("params", "recycles", "threads", "device"):
        command += [f"--{name}", str(getattr(args, name))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    seconds, memory = cost.seconds(load), cost.peak_bytes(load)
    errors = abs(seconds / found["seconds"] - 1), abs(memory / found["peak_bytes"] - 1)
    size = f"{load.num_res:>4} {load.num_clusters:>4}+{load.num_extra:<4} {load.num_templates}"
    times = f"{seconds:8.2f} {found['seconds']:8.2f} {100 * errors[0]:4.0f} %"
    mark = " extrapolated" if cost.extrapolates(load) else ""
    memories = f"{memory / 2**20:7.0f} {found['peak_bytes'] / 2**20:7.0f} {100 * errors[1]:4.0f} %"
    print(f"{size} | {times} | {memories}{mark}", flush=True)
    return errors


def run_one(predictor: Predictor, load: Load) -> dict[str, float]:
    """Seconds and peak memory of one run, as the folding worker of a batch notes them."""
    model, device = predictor.models[0], predictor.placement.device
    with tempfile.TemporaryDirectory() as scratch:
        write_atomic(Path(scratch) / RUN_FILE, json.dumps({"note": None}))
        folder = TargetFolder.reopened(Path(scratch))
        run_once(predictor, model, WARM_UP, folder)
        reset_peak(device)
        return {"seconds": run_once(predictor, model, load, folder), "peak_bytes": float(peak(device))}


if __name__ == "__main__":
    main()
