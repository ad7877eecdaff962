"""Reading OpenFold checkpoints (`.pt`): plain tensors only, so that a file cannot run code; bare or as a trainer wraps them."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError  # what torch.load raises for anything that is not plain data
from typing import Any

import torch
from torch import Tensor

from alphafold_lite.common.errors import InputError

WRAPPERS = ("ema", "params", "state_dict", "module", "model")  # in order of preference: averaged parameters first
PREFIXES = ("model.", "module.")


def read_openfold(path: Path) -> dict[str, Tensor]:
    """The flat state dictionary in a file, names without a trainer's prefixes.

    Raises:
        InputError: no such file, not a PyTorch file, damaged, objects other than tensors and plain containers, no state dictionary.
    """
    if not path.is_file():
        raise InputError("a PyTorch checkpoint", f"no file {path}", "check the path")
    if not zipfile.is_zipfile(path):
        action = "download or copy the file again; files of PyTorch before 1.6 need to be saved anew"
        raise InputError("a PyTorch checkpoint", f"{path}: not a zip archive, or a truncated one", action)
    try:
        loaded: object = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        found = f"{path}: other Python objects" + (f" ({named.group(1)})" if named else "")
        action = "save the state dictionary alone; loading arbitrary objects would run code from the file"
        raise InputError("a checkpoint of plain tensors", found, action) from error
    except (RuntimeError, ValueError, KeyError, EOFError, OSError, MemoryError) as error:
        found = f"{path}: damaged ({_first_line(error)})"
        raise InputError("a PyTorch checkpoint", found, "download or copy the file again") from error
    return unwrap(loaded, origin=str(path))


def unwrap(loaded: object, *, origin: str) -> dict[str, Tensor]:
    """The state dictionary inside what a trainer saved.

    Raises:
        InputError: there is none, or it holds something else than tensors.
    """
    while isinstance(loaded, Mapping) and any(isinstance(value, Mapping) for value in _values(loaded)):
        inner = next((loaded[key] for key in WRAPPERS if isinstance(loaded.get(key), Mapping)), None)
        if inner is None:
            break
        loaded = inner
    state: dict[str, Tensor] = {}
    if isinstance(loaded, Mapping):
        state = {name: value for name, value in loaded.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if not isinstance(loaded, Mapping) or not state or len(state) != len(loaded):
        action = "save the state dictionary of the model alone"
        raise InputError("a state dictionary of named tensors", f"{origin}: {_describe(loaded)}", action)
    while any(all(name.startswith(prefix) for name in state) for prefix in PREFIXES):
        state = {name.partition(".")[2]: value for name, value in state.items()}
    return state


def _values(mapping: Mapping[Any, Any]) -> list[Any]:
    return list(mapping.values())


def _describe(loaded: object) -> str:
    if not isinstance(loaded, Mapping):
        return f"a {type(loaded).__name__}"
    others = [f"{name} ({type(value).__name__})" for name, value in loaded.items() if not isinstance(value, Tensor)]
    return f"entries that are not tensors: {', '.join(others[:5])}" if others else "nothing in it"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
