"""Peak memory of one piece of work: of the GPU where it runs on one, else of this process."""

import ctypes
import gc
import resource
import sys
from pathlib import Path

import torch

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
_RESET_PEAK = "5"  # written to clear_refs, sets the peak to what is held now (proc(5))


def reset_peak(device: torch.device | None = None) -> None:
    """Begin to measure. Where the system cannot, `peak` is that of the whole life of the process."""
    if device is not None and device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif _CLEAR.exists():
        try:
            _CLEAR.write_text(_RESET_PEAK)
        except OSError:  # some containers forbid it
            return


def peak(device: torch.device | None = None) -> int:
    """Bytes."""
    if device is not None and device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def give_back() -> None:
    """Return what was freed to the system, where the C library can do that: glibc keeps it for the next run, which then seems to need less."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
