"""Data-parallel processes under `torchrun`: each computes its micro-batches, gradients are summed, so that all make the same step.

Gradients are summed by hand, once a step: clipping acts on each sample's gradient before the mean (supplement 1.11.3), where
`DistributedDataParallel` averages first; and parameters that a step does not use, such as the template stack, need no special treatment.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import torch
from torch import Tensor
from torch import distributed as dist

from alphafold_lite.common.errors import InputError, MissingResourceError

TIME_OUT = timedelta(minutes=30)  # the first process may validate while the others wait
LAUNCH_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK")  # set by torchrun


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """The processes of a run and this one's place among them."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def add(self, values: Tensor) -> None:
        """Replace a tensor by its sum over all processes."""
        if self.size > 1:
            dist.all_reduce(values, op=dist.ReduceOp.SUM)

    def gather(self, message: str) -> list[str]:
        """One short text from every process, in their order."""
        if self.size == 1:
            return [message]
        data = torch.tensor(list(message.encode()), dtype=torch.int64, device=self.device)
        length = torch.tensor([len(data)], device=self.device)
        lengths = [torch.zeros_like(length) for _ in range(self.size)]
        dist.all_gather(lengths, length)
        longest = max(int(n) for n in lengths)
        padded = torch.zeros(longest, dtype=torch.int64, device=self.device)
        padded[: len(data)] = data
        parts = [torch.zeros_like(padded) for _ in range(self.size)]
        dist.all_gather(parts, padded)
        return [bytes(part[: int(n)].tolist()).decode() for part, n in zip(parts, lengths, strict=True)]

    def wait(self) -> None:
        """Until every process has come here."""
        if self.size > 1:
            dist.barrier()


def choose_device(name: str) -> torch.device:
    """`auto`: CUDA where there is one, else the CPU.

    Raises:
        MissingResourceError: the device asked for is not there.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = "cuda" if there["cuda"] else "cpu"
    if not there[name]:
        found = ", ".join(kind for kind, ok in there.items() if ok)
        raise MissingResourceError(f"a {name} device", f"only {found}", "use --device auto")
    return torch.device(name)


@contextmanager
def joined(device: torch.device) -> Generator[World, None, None]:
    """The processes that `torchrun` started, or this one alone; on a machine with several GPUs each takes the one of its local rank.

    Raises:
        MissingResourceError: more processes than GPUs.
    """
    if not all(name in os.environ for name in LAUNCH_VARIABLES) or int(os.environ["WORLD_SIZE"]) == 1:
        yield World(device=device)
        return
    rank, size, local = (int(os.environ[name]) for name in LAUNCH_VARIABLES)
    if device.type == "cuda":
        if local >= torch.cuda.device_count():
            raise MissingResourceError(
                f"a GPU for local rank {local}", f"{torch.cuda.device_count()} GPUs", "start fewer processes"
            )
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIME_OUT)
    try:
        yield World(rank=rank, size=size, device=device)
    finally:
        dist.destroy_process_group()


def check_shares(batch_size: int, micro_batch: int, world: int) -> None:
    """Every process must get as many micro-batches as the others.

    Raises:
        InputError: they do not go round.
    """
    if (batch_size // micro_batch) % world:
        raise InputError(
            f"step.batch_size as a multiple of {micro_batch * world} (step.micro_batch times {world} processes)",
            str(batch_size),
            "change the batch size or the number of processes",
        )
