"""Measured runs of a network on a device, kept in the user's cache folder: a file for all that they depend on but the size of the input."""

import json
import logging
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import torch

from alphafold_lite.model.config import ModelConfig
from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.outputs.run_record import sha256_of
from alphafold_lite.outputs.scores import to_json
from alphafold_lite.predict.device import Placement
from alphafold_lite.predict.forecast import CostModel, Load, Point

log = logging.getLogger(__name__)
VERSION = 1  # of the file, and of how its points are measured
MAX_FILE_BYTES = 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Circumstances:
    """All that time and memory depend on but the size of the input."""

    network: str  # its configuration, as JSON
    device: str
    precision: str
    threads: int
    torch_version: str
    program_version: str

    @classmethod
    def of(cls, config: ModelConfig, placement: Placement) -> "Circumstances":
        """Those of a network in this process."""
        return cls(
            network=to_json(config.to_json_dict()),
            device=device_name(placement.device),
            precision=placement.precision,
            threads=torch.get_num_threads(),
            torch_version=torch.__version__,
            program_version=metadata.version("alphafold-lite"),
        )

    @property
    def path(self) -> Path:
        """The file for them."""
        return default_folder() / f"{sha256_of(to_json([VERSION, asdict(self)]))}.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """What was measured: runs, and the bytes held before the first of them."""

    points: tuple[Point, ...]
    base_bytes: int

    def cost_model(self) -> CostModel:
        """The model that fits the points."""
        return CostModel.fit(self.points, base_bytes=self.base_bytes)


def default_folder() -> Path:
    """`alphafold_lite/calibrations` in the user's cache folder: `$XDG_CACHE_HOME`, or `.cache` in the home folder."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "alphafold_lite" / "calibrations"


@cache
def device_name(device: torch.device) -> str:
    """The name of the GPU, or of the processor as far as the system tells it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{device.type}, {next(names, platform.processor() or platform.machine())}"


def stored(circumstances: Circumstances) -> Calibration | None:
    """What was measured before; None where nothing was, or where its file is damaged."""
    path = circumstances.path
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError("larger than any that this program writes")
        return _parsed(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        log.warning("the calibration %s is left alone, it cannot be read: %s", path, error)
        return None


def store(circumstances: Circumstances, calibration: Calibration) -> None:
    """Keep a calibration, in the place of an earlier one.

    Raises:
        InputError: the cache folder cannot be written.
    """
    write_atomic(circumstances.path, to_json({"circumstances": asdict(circumstances), **asdict(calibration)}))


def _parsed(content: Mapping[str, object]) -> Calibration:
    """The inverse of `store`, checked."""
    entries, base = content["points"], content["base_bytes"]
    if not isinstance(entries, list) or not entries:
        raise ValueError("no points")
    return Calibration(points=tuple(_point(entry) for entry in entries), base_bytes=_count(base))


def _point(entry: Mapping[str, object]) -> Point:
    load, seconds, peak = entry["load"], entry["seconds"], entry["peak_bytes"]
    if not isinstance(load, dict) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
        raise ValueError("a point without size or time")
    sizes = {str(name): _count(value) for name, value in load.items()}
    return Point(load=Load(**sizes), seconds=float(seconds), peak_bytes=None if peak is None else _count(peak))


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} instead of a whole number")
    return value
