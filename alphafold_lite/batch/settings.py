"""What a batch is asked for: one frozen configuration, checked when it is made. Imports nothing heavy."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from alphafold_lite.batch.shards import Shard
from alphafold_lite.common.errors import InputError
from alphafold_lite.predict.settings import Settings
from data_pipeline.config import SearchConfig, check_offline

MAX_WORKERS = 256
MAX_GROUP_RESIDUES = 220  # two targets of this length have the most residue pairs that a group may have
LOCAL = "local"
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[0-9A-Za-z._-]+):[0-9]{1,5}")
EngineName = Literal["local", "ray"]
Part = Literal["all", "search", "fold"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchSettings:
    """Which targets, how each is folded, and how the work is spread.

    Args:
        only: names of targets; empty: all.
        time_limit: seconds that one target may take, all stages together; None: as long as it takes.
        queue: targets that may wait between two stages.
        fold_workers: None: one for each GPU, or one on the CPU (with Ray: on the CPUs of each machine).
        engine: where workers live: processes of this machine, or actors of a Ray cluster.
        group_residues: of targets that are folded several at a time, at most; 0: each alone; None: where measurements say that it is faster.
        part: of the work: all of it, only searches, or only what comes after searches made before.
        shard: of the targets; None: all of them.
        offline: refuse whatever would open an internet socket.
        address: of the Ray cluster, HOST:PORT; `auto` or None: that of this machine; `local`: one of this machine alone.

    Raises:
        InputError: a value out of its range.
    """

    fasta: str
    out_dir: Path
    params: str | None = None
    prediction: Settings = field(default_factory=Settings)
    search: SearchConfig = field(default_factory=SearchConfig)
    force: bool = False
    overwrite: bool = False
    retry_failed: bool = False
    only: tuple[str, ...] = ()
    search_workers: int = 1
    relax_workers: int = 1
    time_limit: float | None = None
    queue: int = 64
    fold_workers: int | None = None
    group_residues: int | None = None
    engine: EngineName = "local"
    address: str | None = None
    part: Part = "all"
    shard: Shard | None = None
    offline: bool = False

    def __post_init__(self) -> None:
        workers = {"search": self.search_workers, "fold": self.fold_workers, "relax": self.relax_workers}
        for name, value in workers.items():
            if value is not None and not 1 <= value <= MAX_WORKERS:
                raise InputError(
                    f"--{name}-workers between 1 and {MAX_WORKERS}", str(value), "give a number in that range"
                )
        if self.time_limit is not None and not self.time_limit > 0:
            raise InputError("a --time-limit of more than 0 seconds", str(self.time_limit), "give a longer time")
        if self.queue < 1:
            raise InputError("a queue of at least one target", str(self.queue), "give a larger number")
        if self.group_residues is not None and not 0 <= self.group_residues <= MAX_GROUP_RESIDUES:
            found, action = str(self.group_residues), "give a number in that range, or leave it out"
            raise InputError(f"--group-residues between 0 and {MAX_GROUP_RESIDUES}", found, action)
        if self.engine not in get_args(EngineName):
            raise InputError("--engine local or ray", repr(self.engine), "choose one of these")
        if self.engine == "ray":
            _check_ray(self)
        if self.address is not None:
            _check_address(self.address, self.engine)
        if self.offline:
            _check_offline(self)


def _check_offline(settings: BatchSettings) -> None:
    check_offline(settings.search)
    if settings.engine != "local":
        raise InputError("--engine local with --offline", f"--engine {settings.engine}", "leave one of them out")


def _check_ray(settings: BatchSettings) -> None:
    if settings.group_residues:
        raise InputError("--engine local with --group-residues", "--engine ray", "leave one of them out")
    if settings.prediction.distogram_band:
        raise InputError("--engine local where distograms are kept", "--engine ray", "leave it out")


def _check_address(address: str, engine: EngineName) -> None:
    if engine != "ray":
        raise InputError("--engine ray with --address", f"--engine {engine}", "give both or neither")
    if address not in ("auto", LOCAL) and not _ADDRESS.fullmatch(address):
        raise InputError("--address HOST:PORT, auto or local", repr(address), "give it as `ray start` prints it")


def parse_shard(text: str | None) -> Shard | None:
    """`I/N` as a shard; none for None.

    Raises:
        InputError: not two whole numbers, or no such part.
    """
    return None if text is None else Shard.parse(text)


def parse_names(text: str | None) -> tuple[str, ...]:
    """`a,b` as names; none for None.

    Raises:
        InputError: no name in the text.
    """
    if text is None:
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise InputError("--only NAME,NAME,...", repr(text), "name at least one target")
    return names
