"""State of a run on disk: `checkpoints/NNNNNNNN/{state.safetensors, state.json}`, whole or not there; resuming continues to the same bytes.

Random numbers and the order of the data are functions of seed and step (`training.randomness`), so that the step says where both stand.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from alphafold_lite.common.errors import InputError
from alphafold_lite.training.ema import Ema
from alphafold_lite.training.flat import FlatParameters
from alphafold_lite.training.muon import Muon
from alphafold_lite.training.optimizer import Adam

FOLDER = "checkpoints"
TENSORS, VALUES = "state.safetensors", "state.json"
TEMPORARY = ".tmp-"
FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Where a run stands."""

    step: int  # steps done, of which `skipped` changed nothing
    samples: int  # position in the data
    skipped: int
    updates: int  # of the parameters
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """Everything that a step changes."""

    flat: FlatParameters
    optimizer: Adam | Muon
    ema: Ema

    def tensors(self) -> dict[str, Tensor]:
        """The vectors by name, each apart from the others."""
        return {
            "parameters": self.flat.values,
            **self.optimizer.tensors(),
            "average": self.ema.average,
        }


def save_state(run: Path, state: State, progress: Progress, *, keep: int) -> Path:
    """Write the state under a temporary name, flush it to the disk, rename; then remove all but the `keep` newest.

    Raises:
        InputError: the folder cannot be written.
    """
    parent = run / FOLDER
    final, temporary = parent / f"{progress.step:08d}", parent / f"{TEMPORARY}{os.getpid()}"
    layout = [[span.name, span.start, span.stop] for span in state.flat.spans]
    values = {"format": FORMAT, **{name: getattr(progress, name) for name in Progress.__dataclass_fields__}}
    content = {name: value.detach().to("cpu").contiguous() for name, value in state.tensors().items()}
    try:
        parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        _write(temporary / TENSORS, save(content, metadata={"layout": json.dumps(layout)}))
        _write(temporary / VALUES, json.dumps(values, indent=1, sort_keys=True).encode() + b"\n")
        if final.exists():
            shutil.rmtree(final)
        temporary.rename(final)
        _flush_folder(parent)
        for old in _complete(parent)[:-keep]:
            shutil.rmtree(old)
    except OSError as error:
        raise InputError(f"a run folder that can be written ({run})", str(error), "free some space") from error
    return final


def latest(run: Path) -> Path | None:
    """The newest complete checkpoint of a run; remains of an interrupted write are removed."""
    parent = run / FOLDER
    if not parent.is_dir():
        return None
    for remains in parent.glob(f"{TEMPORARY}*"):
        shutil.rmtree(remains, ignore_errors=True)
    complete = _complete(parent)
    return complete[-1] if complete else None


def load_state(folder: Path, state: State) -> Progress:
    """Read a checkpoint into the vectors of a run.

    Raises:
        InputError: a damaged checkpoint, or one of another network.
    """
    progress = read_progress(folder)
    try:
        tensors = load_file(folder / TENSORS)
        for name, target in state.tensors().items():
            if tensors[name].shape != target.shape:
                found = f"{tensors[name].numel()} in {folder}"
                raise InputError(f"{target.numel()} parameters", found, "resume with the configuration of the run")
            with torch.no_grad():
                target.copy_(tensors[name])
    except (OSError, SafetensorError, KeyError) as error:
        raise _damaged(folder, error) from error
    state.optimizer.steps = progress.updates
    return progress


def read_progress(folder: Path) -> Progress:
    """Where the run stood.

    Raises:
        InputError: a damaged checkpoint.
    """
    try:
        values: dict[str, Any] = json.loads((folder / VALUES).read_text(encoding="utf-8"))
        if values.pop("format") != FORMAT:
            raise ValueError("another format")
        return Progress(**{name: int(values[name]) for name in Progress.__dataclass_fields__})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, error) from error


def _complete(parent: Path) -> list[Path]:
    return sorted(folder for folder in parent.iterdir() if folder.name.isdigit() and (folder / VALUES).is_file())


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _flush_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _damaged(folder: Path, error: Exception) -> InputError:
    found = f"{folder}: {type(error).__name__} {error}"
    return InputError("a checkpoint that this program wrote", found, "remove that folder to go on from the one before")
