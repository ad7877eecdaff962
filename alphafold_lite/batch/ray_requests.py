"""How many folding workers a Ray cluster gets, and what each asks Ray for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.common.errors import MissingResourceError

HELPER_CPUS = (
    0  # of workers that search or relax: they must find room on what is left of a cluster, whatever folds there
)
FOLD_MEMORY = 2 * 2**30  # bytes, for the network and a short sequence; longer ones go where the free memory is enough
_AT_LEAST = "start Ray with more (`ray start --num-cpus N --num-gpus N`), or give fewer --fold-workers"


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """What a machine of the cluster offers; memory in bytes."""

    cpus: float
    gpus: float
    memory: float

    @classmethod
    def of(cls, resources: Mapping[str, float]) -> "Node":
        """From the names that Ray has for them."""
        return cls(cpus=resources.get("CPU", 0.0), gpus=resources.get("GPU", 0.0), memory=resources.get("memory", 0.0))


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldRequest:
    """Folding workers, and what each asks for: CPUs, which on the CPU are its threads, GPUs or a share of one, bytes of memory."""

    number: int
    cpus: int
    gpus: float
    memory: int = FOLD_MEMORY

    def room(self, node: Node) -> int:
        """How many of these workers a machine has room for."""
        offers = [(node.cpus, self.cpus), (node.gpus, self.gpus), (node.memory, self.memory)]
        return min(int(offered / asked + 1e-6) for offered, asked in offers if asked)


def fold_request(settings: BatchSettings, nodes: Sequence[Node]) -> FoldRequest:
    """One worker for each GPU; where there is none, one for each machine, with all of its CPUs but one. `--fold-workers` asks for another
    number.

    Raises:
        MissingResourceError: the cluster has no GPU where one is asked for, or not the room.
    """
    device, wanted = settings.prediction.device, settings.fold_workers
    gpus = int(sum(node.gpus for node in nodes))
    if device == "cuda" and not gpus:
        raise MissingResourceError("a Ray cluster with GPUs", "none", "use --device auto, or start Ray with --num-gpus")
    usable = [node for node in nodes if node.cpus >= 1 and node.memory >= FOLD_MEMORY]
    if device in ("auto", "cuda") and gpus:
        number = wanted or gpus
        request = FoldRequest(number=number, cpus=1, gpus=1 / math.ceil(number / gpus))
    elif usable:
        number = wanted or len(usable)
        each = math.ceil(number / len(usable))
        request = FoldRequest(number=number, cpus=max(1, int(min(node.cpus for node in usable) - 1) // each), gpus=0)
    else:
        found = f"{len(nodes)} without"
        raise MissingResourceError("Ray machines with a CPU and 2 GiB of memory for folding", found, _AT_LEAST)
    _check_room(request, nodes)
    return request


def _check_room(request: FoldRequest, nodes: Sequence[Node]) -> None:
    room = sum(request.room(node) for node in nodes)
    if room < request.number:
        asked = f"{request.cpus} CPUs, {request.gpus:g} GPUs and {request.memory / 2**30:g} GiB of memory"
        expected = f"a Ray cluster with room for {request.number} folding workers of {asked}"
        raise MissingResourceError(expected, f"room for {room}", _AT_LEAST)
