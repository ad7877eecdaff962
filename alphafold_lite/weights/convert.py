"""Parameters of foreign files into our modules and back, by the tables of `name_map` and `openfold_map`.

A conversion is all or nothing: unless every name is accounted for in both directions, nothing is written and one InputError lists what
is missing, unused, misshapen or unusable.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from alphafold_lite.kernels.ops import Ops
from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.alphafold import AlphaFold, build
from alphafold_lite.model.config import ModelConfig
from alphafold_lite.weights.accounts import Accounts
from alphafold_lite.weights.name_map import model_rules
from alphafold_lite.weights.openfold_map import current_names, openfold_rules
from alphafold_lite.weights.rules import Entry, Rules, Shape, expand

Arrays = Mapping[str, "np.ndarray | Tensor"]
PARAMETER_MARK = "param:"  # before the names of parameters in files that hold a module's inputs and outputs too


def load_official(model: AlphaFold, arrays: Arrays, *, origin: str = "the file") -> None:
    """Copies parameters in the official layout (`SCOPE//NAME`) into the model; values are kept exactly where the model's type can.

    Raises:
        InputError: names or shapes that do not balance, numbers that are not real or not finite.
    """
    load_parameters(model, arrays, model_rules(model.config), origin=origin)


def load_openfold(model: AlphaFold, state: Mapping[str, Tensor], *, origin: str = "the file") -> None:
    """Copies an OpenFold state dictionary, of its first or current release, into the model. Raises as `load_official`."""
    load_parameters(model, current_names(state), openfold_rules(model.config), origin=origin)


def load_module(module: nn.Module, arrays: Arrays, rules: Rules, *, keep_rest: bool = False) -> None:
    """Copies the parameters of a single module (rules from `name_map.rules_for`).

    Args:
        arrays: `SCOPE//NAME`, with or without `param:` before it; where some have it, all others are ignored.
        keep_rest: parameters of `module` that no rule names stay as they are; otherwise they are an error.

    Raises:
        InputError: as `load_official`.
    """
    marked = {n.removeprefix(PARAMETER_MARK): a for n, a in arrays.items() if n.startswith(PARAMETER_MARK)}
    load_parameters(module, marked or arrays, rules, origin="the arrays", keep_rest=keep_rest)


def load_parameters(module: nn.Module, arrays: Arrays, rules: Rules, *, origin: str, keep_rest: bool = False) -> None:
    """Copies arrays into the parameters of `module` by `rules`. Raises as `load_official`."""
    parameters = dict(module.named_parameters())
    entries = _entries(rules, parameters, keep_rest=keep_rest)
    tensors = {name: _as_tensor(array) for name, array in arrays.items()}
    _check(entries, parameters, tensors).require_balance(origin, f"the {len(entries)} arrays of this model")
    with torch.no_grad():
        for entry in entries:
            array = tensors[entry.foreign]
            assert array is not None
            for number, name in enumerate(entry.ours):
                target = parameters[name]
                source = array[number] if entry.rule.stacked else array
                target.copy_(entry.rule.transform.to_ours(source, tuple(target.shape)))


def export_official(model: AlphaFold) -> dict[str, np.ndarray]:
    """The parameters in the official layout, float32: the inverse of `load_official`, bit for bit."""
    parameters = dict(model.named_parameters())
    arrays: dict[str, np.ndarray] = {}
    for entry in _entries(model_rules(model.config), parameters):
        shape = _foreign_shape(entry, parameters)
        parts = [parameters[name].detach().to("cpu", torch.float32) for name in entry.ours]
        block = shape[1:] if entry.rule.stacked else shape
        converted = [entry.rule.transform.to_foreign(part, block) for part in parts]
        array = torch.stack(converted) if entry.rule.stacked else converted[0]
        arrays[entry.foreign] = array.contiguous().numpy().copy()
    return arrays


def official_layout(config: ModelConfig) -> dict[str, Shape]:
    """Names and shapes of the official file of a model, from the map and the model itself; no parameters are made."""
    parameters = dict(on_meta(config).named_parameters())
    return {entry.foreign: _foreign_shape(entry, parameters) for entry in _entries(model_rules(config), parameters)}


def openfold_layout(config: ModelConfig) -> dict[str, Shape]:
    """Names and shapes of OpenFold's state dictionary of a model."""
    parameters = dict(on_meta(config).named_parameters())
    return {entry.foreign: _foreign_shape(entry, parameters) for entry in _entries(openfold_rules(config), parameters)}


def on_meta(config: ModelConfig, ops: Ops | None = None) -> AlphaFold:
    """A model with shapes but without storage."""
    with torch.device("meta"):
        return build(config, ops or reference())


def allocate(config: ModelConfig, ops: Ops) -> AlphaFold:
    """A model on the CPU whose parameters are still arbitrary: to be loaded into at once, without drawing initial values first."""
    model = on_meta(config, ops)
    if buffers := [name for name, _ in model.named_buffers()]:
        raise ValueError(f"buffers {buffers} would be left undefined")
    return model.to_empty(device="cpu")


def _entries(rules: Rules, parameters: Mapping[str, Tensor], *, keep_rest: bool = False) -> list[Entry]:
    """The rules for these parameters, which they name completely and once each."""
    entries = list(expand(rules, parameters))
    named = [name for entry in entries for name in entry.ours]
    rest = parameters.keys() - set(named)
    if set(named) - parameters.keys() or len(named) != len(set(named)) or (rest and not keep_rest):
        absent = sorted(set(named) - parameters.keys())
        raise ValueError(f"the name map and the module differ: unnamed {sorted(rest)}, absent or named twice {absent}")
    return entries


def _check(entries: list[Entry], parameters: Mapping[str, Tensor], arrays: Mapping[str, Tensor | None]) -> Accounts:
    wanted = {entry.foreign for entry in entries}
    accounts = Accounts(unused=sorted(arrays.keys() - wanted))
    for entry in entries:
        if entry.foreign not in arrays:
            accounts.missing.append(entry.foreign)
            continue
        array = arrays[entry.foreign]
        if array is None:
            accounts.unusable.append(f"{entry.foreign} (not real numbers)")
        elif problem := "; ".join(_shape_problem(entry, parameters, tuple(array.shape))):
            accounts.misshapen.append(f"{entry.foreign} ({problem})")
        elif not bool(torch.isfinite(array).all()):
            accounts.unusable.append(f"{entry.foreign} (infinite or not a number)")
    return accounts


def _shape_problem(entry: Entry, parameters: Mapping[str, Tensor], found: Shape) -> Iterator[str]:
    """Why an array of shape `found` cannot be this entry: at most one line."""
    transform, ours = entry.rule.transform, tuple(parameters[entry.ours[0]].shape)
    if transform.split is not None and entry.rule.heads is None:  # heads as they come
        block = found[1:] if entry.rule.stacked else found
        blocks_fit = not entry.rule.stacked or found[:1] == (len(entry.ours),)
        if not blocks_fit or transform.our_shape(block) != ours:
            yield f"shape {list(found)}, expected one that makes {list(ours)}"
    elif (wanted := _foreign_shape(entry, parameters)) != found:
        yield f"shape {list(found)}, expected {list(wanted)}"


def _foreign_shape(entry: Entry, parameters: Mapping[str, Tensor]) -> Shape:
    ours = tuple(parameters[entry.ours[0]].shape)
    block = entry.rule.transform.foreign_shape(ours, entry.rule.heads)
    if block is None:
        raise ValueError(f"{entry.ours[0]} of shape {list(ours)} cannot be divided by {entry.rule.heads}")
    return (len(entry.ours), *block) if entry.rule.stacked else block


def _as_tensor(array: "np.ndarray | Tensor") -> Tensor | None:
    """A tensor of real numbers, sharing memory where it can; None for anything else."""
    if isinstance(array, Tensor):
        return array if array.is_floating_point() else None
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        return None
    return torch.from_numpy(np.require(array, array.dtype.newbyteorder("="), ["C", "W"]))
