"""Where a prediction runs, in which precision, and whether it fits there."""

import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from alphafold_lite.common.errors import InputError, MissingResourceError, TargetError
from alphafold_lite.model.config import ModelConfig
from alphafold_lite.predict.settings import DeviceName, PrecisionName

GIB = 2**30
BYTES = 4  # the residual streams stay float32 in every precision
# Fitted to measured peaks of `model_1_ptm` and `tiny` at 128 to 512 residues, from the query alone to 508 + 5120 rows: 0.2 to 2 GiB,
# met within 0.4 GiB. For each residue pair there are some copies of z, and channels that do not depend on its width.
PAIR_COPIES, PAIR_CHANNELS = 3, 1200
MSA_COPIES = 3.5
WORKSPACE = 0.6 * GIB
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """A device that is there and a precision that it can do."""

    device: torch.device
    precision: Literal["fp32", "bf16"]


class DoesNotFitError(TargetError):
    """A target for which the memory of the device is not enough."""


def place(device: DeviceName, precision: PrecisionName) -> Placement:
    """Resolve `auto`: CUDA where there is one, else CPU; bfloat16 on CUDA, float32 elsewhere.

    Raises:
        MissingResourceError: the device asked for is not there.
        InputError: bfloat16 asked for on a device that cannot do it.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    name = ("cuda" if there["cuda"] else "cpu") if device == "auto" else device
    if not there[name]:
        found = ", ".join(kind for kind, ok in there.items() if ok)
        raise MissingResourceError(
            f"a {name} device", f"only {found}", "use --device auto, or install a PyTorch build for it"
        )
    if precision == "bf16" and name == "mps":
        raise InputError("--precision fp32 on mps", "bf16", "leave --precision out")
    if precision == "auto":
        precision = "bf16" if name == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    return Placement(device=torch.device(name), precision=precision)


def peak_bytes(config: ModelConfig, *, num_res: int, num_clusters: int, num_extra: int) -> float:
    """Rough peak of one pass beyond the parameters: pair and MSA activations and the kernels' workspace."""
    pair = (PAIR_COPIES * config.pair_channels + PAIR_CHANNELS) * num_res**2
    msa = (config.msa_channels * num_clusters + config.extra_msa_channels * num_extra) * num_res
    return BYTES * (pair + MSA_COPIES * msa) + WORKSPACE


def check_fits(peak: float, device: torch.device, *, num_res: int) -> None:
    """Refuse a run that cannot fit, before it takes the machine down.

    Raises:
        DoesNotFitError: `peak` bytes are more than the device has free.
    """
    free = free_bytes(device)
    if free is not None and peak > free:
        raise DoesNotFitError(
            f"about {peak / GIB:.1f} GiB of free memory on {device.type} for {num_res} residues",
            f"{free / GIB:.1f} GiB",
            "use a shorter sequence, a smaller --max-msa, or a machine with more memory",
        )


def too_long(num_res: int, max_residues: int) -> DoesNotFitError:
    """The error for a target that is refused before anything is searched."""
    return DoesNotFitError(
        f"at most {max_residues} residues, for which the free memory is just enough",
        str(num_res),
        "use a shorter sequence, or a machine with more memory",
    )


def out_of_memory(device: torch.device, *, num_res: int) -> DoesNotFitError:
    """The error for a run that met the limit in spite of the estimate."""
    return DoesNotFitError(
        f"enough memory on {device.type} for {num_res} residues",
        "an allocation that failed",
        "use a shorter sequence, a smaller --max-msa, or a machine with more memory",
    )


def is_out_of_memory(error: BaseException) -> bool:
    """PyTorch's CPU allocator reports exhaustion as a plain RuntimeError; CUDA and Python have classes of their own."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "alloc" in str(error) and "memory" in str(error)


def free_bytes(device: torch.device) -> float | None:
    """Free memory in bytes, or None where the system does not tell."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return float(torch.cuda.mem_get_info(device)[0] + cached)
    limits = [
        value
        for value in (_meminfo(), _address_space(), *(_cgroup(*group) for group in _cgroups()))
        if value is not None
    ]
    return min(limits, default=None)


def _meminfo() -> float | None:
    path = Path("/proc/meminfo")
    if not path.exists():
        return None
    fields = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
    return float(fields["MemAvailable"].split()[0]) * 1024


def _address_space() -> float | None:
    """What `ulimit -v` leaves."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    statm = Path("/proc/self/statm")
    if soft == resource.RLIM_INFINITY or not statm.exists():
        return None
    return float(soft - int(statm.read_text().split()[0]) * resource.getpagesize())


def _cgroups() -> list[tuple[Path, str, str]]:
    """Folders of the control groups this process is in, with the names of limit and use in them (versions 2 and 1)."""
    own = Path("/proc/self/cgroup")
    groups = [line.split(":", 2) for line in own.read_text().splitlines()] if own.exists() else []
    found: list[tuple[Path, str, str]] = []
    for _, controllers, path in groups:
        if not controllers:
            found += [(CGROUP / part, "memory.max", "memory.current") for part in ("", path.strip("/"))]
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
            found += [(CGROUP / "memory" / part, *names) for part in ("", path.strip("/"))]
    return found


def _cgroup(folder: Path, limit: str, used: str) -> float | None:
    """What one control group leaves, page cache counted as free."""
    files = [folder / name for name in (limit, used, "memory.stat")]
    if not all(file.exists() for file in files) or files[0].read_text().strip() == "max":
        return None
    stat = dict(line.split() for line in files[2].read_text().splitlines())
    cache = float(stat.get("total_inactive_file", stat.get("inactive_file", "0")))
    return float(files[0].read_text()) - float(files[1].read_text()) + cache
