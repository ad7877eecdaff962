"""From what the user asks for (`--params`, `--models`) to parameter sources that can be loaded: files, folders, names, random seeds."""

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from alphafold_lite.common.errors import InputError, MissingResourceError
from alphafold_lite.kernels.ops import Ops
from alphafold_lite.model.alphafold import AlphaFold
from alphafold_lite.model.config import ModelConfig
from alphafold_lite.weights import locations
from alphafold_lite.weights.checkpoint import load_checkpoint, read_header
from alphafold_lite.weights.convert import allocate, load_official, load_openfold, official_layout
from alphafold_lite.weights.infer_config import infer_official, infer_openfold
from alphafold_lite.weights.npz import read_npz, read_npz_layout
from alphafold_lite.weights.openfold_file import read_openfold
from alphafold_lite.weights.openfold_map import current_names
from alphafold_lite.weights.random_parameters import random_parameters

ConfigFor = Callable[[str], ModelConfig]  # preset name -> configuration; InputError for a name it does not know
RANDOM = "random:"
RANDOM_PRESET = "tiny"
UNKNOWN_LICENSE = "not stated"
MAX_SEED = 2**63 - 1
AUTO = ("auto",)  # in the place of models: whatever fits


@dataclass(frozen=True, kw_only=True)
class ParameterSource:
    """One set of parameters that can be loaded.

    Args:
        name: of the model, fit for file names (`model_1_ptm`).
        kind: layout of the file, or `random`.
        config: of the network they belong to.
        license: of the parameters.
        untrained: nothing predicted with them means anything; every output has to say so.
        origin: the file, or `random:SEED`, for people and run records.
        preset: the official model (or `tiny`) whose settings fit; None where the file does not tell.
        max_clusters, max_extra: MSA rows it was trained with, where the file tells; else 0.
        carried_profile: whether it reads profiles that homologues carry over; never for official or OpenFold parameters.
        caution: what every output has to say of their accuracy; empty where nothing has to be said.
        learnt_library: whether it was trained on the chains of the embedded library, but for its validation part.
    """

    name: str
    kind: Literal["official", "openfold", "checkpoint", "random"]
    config: ModelConfig
    license: str
    untrained: bool
    origin: str
    preset: str | None = None
    path: Path | None = None
    seed: int | None = None
    max_clusters: int = 0
    max_extra: int = 0
    carried_profile: bool = False
    caution: str = ""
    learnt_library: bool = False

    def load(self, ops: Ops) -> AlphaFold:
        """The network with these parameters, float32 on the CPU, in evaluation mode.

        Raises:
            InputError: a damaged file, or parameters that do not fit `config`; all names in question are listed.
        """
        if self.path is None:
            return _loaded(self.config, ops, self._random_arrays(), self.origin)
        if self.kind == "checkpoint":
            return load_checkpoint(self.path, ops)
        if self.kind == "official":
            return _loaded(self.config, ops, read_npz(self.path), self.origin)
        model = allocate(self.config, ops)
        load_openfold(model, read_openfold(self.path), origin=self.origin)
        return model

    @cached_property
    def sha256(self) -> str:
        """Of the file; for random parameters of names and values in the official layout."""
        if self.path is not None:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256()
        for name, array in sorted(self._random_arrays().items()):
            digest.update(name.encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    def _random_arrays(self) -> Mapping[str, np.ndarray]:
        assert self.seed is not None
        return random_parameters(official_layout(self.config), self.seed)


def resolve(
    params: str | None, models: Sequence[str], config_for: ConfigFor, *, environment: Mapping[str, str] = os.environ
) -> tuple[ParameterSource, ...]:
    """The sources for a run.

    Args:
        params: None for the default place (`$ALPHAFOLD_LITE_PARAMS`, else the user data folder); a file (.npz, .pt, .safetensors); a
            folder; the name of a model in the default place; `lite`, the bundled model; or `random:SEED`.
        models: names to look for in a folder, in this order; empty for all that are there; `(AUTO,)` for `model_1_ptm` or the only one
            that is there, and in an empty default place the bundled model. A file, a name and a seed say themselves which model they are.
        config_for: `presets.model_config`.

    Raises:
        MissingResourceError: a file, folder or model that is not there; says how to get the official parameters.
        InputError: a file of another kind, a damaged file, a bad seed, an unknown model name.
    """
    if params is not None and params.startswith(RANDOM):
        return (_random_source(params, config_for),)
    if params is None:
        place = locations.default_place(environment)
        if tuple(models) == AUTO and not environment.get(locations.VARIABLE) and not locations.find_all(place):
            place = locations.BUNDLED
    elif (given := Path(params).expanduser()).exists():
        place = given
    elif params == locations.BUNDLED.stem:
        place = locations.BUNDLED
    elif re.fullmatch(r"\w+", params):
        place, models = locations.default_place(environment), (params,)
    else:
        action = "correct the path, or leave --params out to use the official parameters"
        raise MissingResourceError("a parameter file or folder", f"nothing at {params}", action)
    if place.is_file():
        return (_file_source(place, config_for),)
    if tuple(models) == AUTO:
        there = locations.find_all(place)
        models = () if len(there) == 1 else (locations.FIRST_CHOICE,)
    paths = tuple(_model_file(place, name, config_for) for name in models) if models else locations.find_all(place)
    if not paths:
        found = f"no params_model_*.npz in {place}"
        raise MissingResourceError("parameters of a model", found, locations.how_to_get(place))
    return tuple(_file_source(path, config_for) for path in paths)


def _model_file(folder: Path, name: str, config_for: ConfigFor) -> Path:
    path = locations.find_model(folder, name)
    if path is None:
        config_for(name)  # an unknown name is the better complaint
        expected = f"parameters of {name} (params_{name}.npz)"
        raise MissingResourceError(expected, f"no such file in {folder}", locations.how_to_get(folder))
    return path


def _file_source(path: Path, config_for: ConfigFor) -> ParameterSource:
    if path.suffix == ".npz":
        return _official_source(path, config_for)
    if path.suffix == ".pt":
        return _openfold_source(path, config_for)
    if path.suffix == ".safetensors":
        about = read_header(path)
        return ParameterSource(
            name=_safe(about.name), kind="checkpoint", config=about.config, license=about.license,
            untrained=about.untrained, origin=str(path), path=path, max_clusters=about.max_clusters,
            max_extra=about.max_extra, carried_profile=about.carried_profile, caution=about.caution,
            learnt_library=about.learnt_library,
        )  # fmt: skip
    action = "give an official .npz, an OpenFold .pt, a .safetensors of this program, or a folder"
    raise InputError("a parameter file", str(path), action)


def _official_source(path: Path, config_for: ConfigFor) -> ParameterSource:
    preset = locations.official_name(path)
    layout = read_npz_layout(path)
    return ParameterSource(
        name=preset or _safe(path.stem),
        kind="official",
        config=infer_official(layout, ModelConfig()) if preset is None else config_for(preset),
        license=UNKNOWN_LICENSE if preset is None else locations.OFFICIAL_LICENSE,
        untrained=False,
        origin=str(path),
        preset=preset,
        path=path,
    )


def _openfold_source(path: Path, config_for: ConfigFor) -> ParameterSource:
    preset = locations.openfold_preset(path)
    layout = {name: tuple(value.shape) for name, value in current_names(read_openfold(path)).items()}
    return ParameterSource(
        name=_safe(path.stem),
        kind="openfold",
        config=infer_openfold(layout, ModelConfig()) if preset is None else config_for(preset),
        license=UNKNOWN_LICENSE,
        untrained=False,
        origin=str(path),
        preset=preset,
        path=path,
    )


def _random_source(params: str, config_for: ConfigFor) -> ParameterSource:
    seed, _, preset = params.removeprefix(RANDOM).partition(":")
    preset = preset or RANDOM_PRESET
    if not (seed.isascii() and seed.isdigit() and int(seed) <= MAX_SEED):
        raise InputError("random:SEED with a whole number from 0", repr(params), "write for example random:0")
    return ParameterSource(
        name=f"untrained_{preset}",
        kind="random",
        config=config_for(preset),
        license="none needed: random numbers",
        untrained=True,
        origin=params,
        preset=preset,
        seed=int(seed),
    )


def _loaded(config: ModelConfig, ops: Ops, arrays: Mapping[str, np.ndarray], origin: str) -> AlphaFold:
    model = allocate(config, ops)
    load_official(model, arrays, origin=origin)
    return model


def _safe(name: str) -> str:
    """A name that is fit for file names everywhere."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:64].strip("_") or "model"
