"""The own parameter format: safetensors under our names, with configuration and provenance as JSON in the header.

The header has one entry, `alphafold_lite`, so that equal content gives equal bytes (safetensors writes several entries in any order).
"""

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from alphafold_lite.common.errors import InputError
from alphafold_lite.kernels.ops import Ops
from alphafold_lite.model.alphafold import AlphaFold
from alphafold_lite.model.config import ModelConfig
from alphafold_lite.weights.convert import allocate, load_parameters
from alphafold_lite.weights.rules import Rule

HEADER_KEY = "alphafold_lite"
FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """What the header says about the parameters.

    Args:
        name: of the model, used in the names of output files.
        license: of the parameters, not of the code.
        untrained: nothing predicted with them means anything.
        note: where they come from, for people.
        step: number of training steps done.
        max_clusters: rows of the clustered MSA that the network was trained with; 0: not known.
        max_extra: likewise of the extra MSA.
        carried_profile: whether it was trained with profiles that homologues carry over.
        caution: what every output made with these parameters has to say of their accuracy.
        learnt_library: whether it was trained on the chains of the embedded library, but for its validation part.
    """

    config: ModelConfig
    name: str
    license: str
    untrained: bool
    note: str = ""
    step: int = 0
    max_clusters: int = 0
    max_extra: int = 0
    carried_profile: bool = False
    caution: str = ""
    learnt_library: bool = False


def save_checkpoint(path: Path, model: AlphaFold, about: Checkpoint) -> None:
    """Writes the model's parameters to a temporary name beside `path`, then renames.

    Raises:
        InputError: the folder cannot be written.
        ValueError: `about` describes a model of another configuration.
    """
    if about.config != model.config:
        raise ValueError("the header describes another configuration than the model's")
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.named_parameters()}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.touch()
        mode = temporary.stat().st_mode  # as the umask has it; safetensors makes files that only their owner can read
        save_file(tensors, temporary, metadata={HEADER_KEY: _to_json(about)})
        temporary.chmod(mode)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"a folder to write {path.name} into", f"{path.parent}: {error}", "choose another folder"
        ) from error
    finally:
        if temporary.exists():
            temporary.unlink()


def read_header(path: Path) -> Checkpoint:
    """The header, without reading parameters.

    Raises:
        InputError: no such file, damaged, or not written by this program.
    """
    with _opened(path) as file:
        return _from_json(file.metadata(), path)


def load_checkpoint(path: Path, ops: Ops) -> AlphaFold:
    """The model in a file, ready to run.

    Raises:
        InputError: as `read_header`, or parameters that do not fit the configuration of the header.
    """
    with _opened(path) as file:
        about = _from_json(file.metadata(), path)
        tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    model = allocate(about.config, ops)
    rules = tuple(Rule(name, name) for name, _ in model.named_parameters())
    load_parameters(model, tensors, rules, origin=str(path))
    return model


@contextmanager
def _opened(path: Path) -> Generator[Any, None, None]:
    if not path.is_file():
        raise InputError("a .safetensors file", f"no file {path}", "check the path")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            yield file
    except (SafetensorError, OSError) as error:
        action = "download or copy the file again"
        raise InputError("a readable .safetensors file", f"{path}: {error}", action) from error


def _to_json(about: Checkpoint) -> str:
    values = {
        "format": FORMAT,
        "name": about.name,
        "license": about.license,
        "untrained": about.untrained,
        "note": about.note,
        "step": about.step,
        "max_clusters": about.max_clusters,
        "max_extra": about.max_extra,
        "carried_profile": about.carried_profile,
        "caution": about.caution,
        "learnt_library": about.learnt_library,
        "config": about.config.to_json_dict(),
    }
    return json.dumps(values, sort_keys=True)


def _from_json(metadata: dict[str, str] | None, path: Path) -> Checkpoint:
    try:
        values = _mapping(json.loads((metadata or {})[HEADER_KEY]))
        if values["format"] != FORMAT:
            raise ValueError(f"format {values['format']}, this version reads {FORMAT}")
        about = Checkpoint(
            config=ModelConfig.from_json_dict(_mapping(values["config"])),
            **{key: _typed(values[key], kind) for key, kind in _FIELDS.items()},
            **{key: _typed(values[key], kind) for key, kind in _LATER_FIELDS.items() if key in values},
        )
    except (KeyError, TypeError, ValueError) as error:
        found = f"{path}: {type(error).__name__} {error}"
        action = "convert foreign parameters first, or update alphafold_lite"
        raise InputError("a checkpoint with the header that alphafold_lite writes", found, action) from error
    return about


_LATER_FIELDS: dict[str, type] = {
    "max_clusters": int, "max_extra": int, "carried_profile": bool, "caution": str, "learnt_library": bool,
}  # fmt: skip
_FIELDS: dict[str, type] = {"name": str, "license": str, "untrained": bool, "note": str, "step": int}


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} where a JSON object belongs")
    return value


def _typed(value: object, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r} where a {kind.__name__} belongs")
    return value
