"""Where folding workers are put on one machine, and what memory they find there."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from alphafold_lite.predict.device import free_bytes
from alphafold_lite.predict.settings import DeviceName

VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """What one worker may use: a GPU as CUDA_VISIBLE_DEVICES names it, a number of CPU threads; None: as it finds them."""

    gpu: str | None = None
    threads: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Memory that the folding workers of one name share, and the bytes of it that were free; None: the system does not tell."""

    name: str
    free: float | None = None


def visible_gpus() -> tuple[str, ...]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    number, names = torch.cuda.device_count(), os.environ.get(VISIBLE_GPUS)
    named = [name.strip() for name in names.split(",")] if names else [str(index) for index in range(number)]
    return tuple(named[:number])


def local_slots(number: int | None, device: DeviceName, gpus: Sequence[str], threads: int) -> tuple[Slot, ...]:
    """A slot for each folding worker of one machine.

    Args:
        number: of workers; None: one for each GPU, or one on the CPU. More than there are GPUs share them in turn.
        gpus: those that may be used.
        threads: of the CPU, to be divided among workers on it.
    """
    if device not in ("auto", "cuda") or not gpus:
        number = number or 1
        return (Slot(threads=None if number == 1 else max(1, threads // number)),) * number
    return tuple(Slot(gpu=gpus[index % len(gpus)]) for index in range(number or len(gpus)))


def place_of(device: str, node: str) -> Place:
    """The memory that this process folds in.

    Args:
        device: `cpu`, `cuda` or `mps`.
        node: tells machines apart.
    """
    gpu = os.environ.get(VISIBLE_GPUS, "") if device == "cuda" else ""
    return Place(name=" ".join(filter(None, (node, device, gpu))), free=free_bytes(torch.device(device)))
