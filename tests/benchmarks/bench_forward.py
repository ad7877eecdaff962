"""Time and peak memory of one forward pass of the official-size network, and its share of the machine's matrix-product peak.

    python tests/benchmarks/bench_forward.py --residues 128 --msa 128 --extra 512 --dtype float32 --json

Run it alone on the machine: the peak memory is that of the whole process. Parameters are random (the rule of the golden values); the
work does not depend on them. Results are kept in `RESULTS.md` beside this file.
"""

import argparse
import json
import platform
import resource
import sys
import time
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parents[2]))

from alphafold_lite import presets
from alphafold_lite.inference.recycling import autocast
from alphafold_lite.kernels.fast import fast
from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.alphafold import AlphaFold, build
from alphafold_lite.model.batch import Batch
from tests.support.random_inputs import random_batch

PEAK_SIZE, PEAK_ROUNDS = 3072, 4
DTYPES = {"float32": ("fp32", torch.float32), "bfloat16": ("bf16", torch.bfloat16)}


def main() -> None:
    """Measure and print."""
    args = arguments()
    torch.set_num_threads(args.threads)
    precision, matmul_dtype = DTYPES[args.dtype]
    device = torch.device(args.device)
    config = presets.model_config(args.model)
    batch = inputs(args)
    flops = count_flops(args.model, batch)
    torch.manual_seed(0)
    model = build(config, fast(budget_mib=args.budget_mib) if args.ops == "fast" else reference()).to(device)
    peak_flops = matmul_peak(matmul_dtype, device)
    batch = batch.to(device=device, dtype=torch.float32)
    times = [forward(model, batch, precision) for _ in range(args.repeats + args.warmup)][args.warmup :]
    best, middle = min(times), sorted(times)[len(times) // 2]
    report = {
        "model": args.model, "residues": args.residues, "msa": args.msa, "extra": args.extra, "dtype": args.dtype,
        "ops": args.ops, "device": args.device, "threads": torch.get_num_threads(), "torch": torch.__version__,
        "cpu": cpu_name(), "seconds_median": round(middle, 3), "seconds_min": round(best, 3), "runs": args.repeats,
        "peak_memory_gib": round(peak_memory(device) / 2**30, 3), "tflop": round(flops / 1e12, 3),
        "matmul_peak_gflops": round(peak_flops / 1e9, 1), "share_of_peak": round(flops / middle / peak_flops, 3),
    }  # fmt: skip
    print(json.dumps(report) if args.json else "\n".join(f"{k:20} {v}" for k, v in report.items()))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--residues", type=int, default=64)
    parser.add_argument("--msa", type=int, default=64)
    parser.add_argument("--extra", type=int, default=128)
    parser.add_argument("--dtype", choices=sorted(DTYPES), default="float32")
    parser.add_argument("--model", default="model_1_ptm", help="a preset name; four templates where it reads them")
    parser.add_argument("--ops", choices=("fast", "reference"), default="fast")
    parser.add_argument("--budget-mib", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--templates", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def inputs(args: argparse.Namespace) -> Batch:
    """One unpadded example; all rows are kept, as with a deep alignment."""
    batch = random_batch(n=args.residues, s=args.msa, e=args.extra, t=args.templates, dtype=torch.float32)
    batch.msa.mask.fill_(1)
    batch.extra_msa.mask.fill_(1)
    return batch


@torch.no_grad()
def forward(model: AlphaFold, batch: Batch, precision: str) -> float:
    """Seconds of one pass."""
    device = batch.aatype.device
    started = time.perf_counter()
    with autocast(device, precision):
        result = model(batch)
    if not bool(torch.isfinite(result.atom37_positions).all()):
        raise SystemExit("the forward pass gave numbers that are not finite")
    return time.perf_counter() - started


@torch.no_grad()
def count_flops(name: str, batch: Batch) -> int:
    """Floating-point operations of all matrix products of one pass, counted on the meta device."""
    with torch.device("meta"):
        model = build(presets.model_config(name), reference())
    with FlopCounterMode(display=False) as counter:
        model(batch.map(lambda t: t.to("meta")))
    return counter.get_total_flops()


def matmul_peak(dtype: torch.dtype, device: torch.device) -> float:
    """The best rate of a large square matrix product, operations a second."""
    a, b = (torch.randn(PEAK_SIZE, PEAK_SIZE, device=device).to(dtype) for _ in range(2))
    rates: list[float] = []
    for _ in range(PEAK_ROUNDS):
        started = time.perf_counter()
        float((a @ b)[0, 0])
        rates.append(2 * PEAK_SIZE**3 / (time.perf_counter() - started))
    return max(rates)


def peak_memory(device: torch.device) -> int:
    """Bytes: of the process on a CPU, of the allocator on a GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def cpu_name() -> str:
    """The processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
