"""Nested frozen dataclasses as plain values: JSON and back, and single values set by a dotted name (`--set data.crop_size=96`)."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from difflib import get_close_matches
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from alphafold_lite.common.errors import InputError

T = TypeVar("T")


def to_plain(config: Any) -> dict[str, Any]:
    """Nested dictionaries, lists and scalars, ready for JSON."""
    return _plain(asdict(config))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def from_plain(kind: type[T], values: Mapping[str, Any], where: str = "configuration") -> T:
    """Inverse of `to_plain`.

    Raises:
        InputError: unknown names, or values of another type.
    """
    hints = get_type_hints(kind)
    known = [f.name for f in fields(kind)]  # pyright: ignore[reportArgumentType]
    for name in values:
        if name not in known:
            raise _unknown(f"{where}.{name}", name, known)
    return kind(**{name: convert(hints[name], value, f"{where}.{name}") for name, value in values.items()})


def override(config: T, assignments: Sequence[str]) -> T:
    """A copy of `config` with values set by `dotted.name=value`, all at once; values are Python literals or bare words.

    Raises:
        InputError: no `=`, an unknown name, or a value of another type.
    """
    changes: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise InputError(
                "a setting written as name=value", repr(assignment), "write for example --set data.crop_size=96"
            )
        *groups, last = name.strip().split(".")
        place = changes
        for group in groups:
            place = place.setdefault(group, {})
            if isinstance(place, _Value):
                raise InputError(f"{group} set as a whole or by its parts", "both", "leave one of them out")
        place[last] = _Value(_literal(text.strip()))
    return _changed(config, changes, "")


@dataclass(frozen=True, slots=True)
class _Value:
    value: Any


def _changed(config: T, changes: Mapping[str, Any], where: str) -> T:
    """One replacement a group, so that settings which must fit each other can be changed together."""
    known = [f.name for f in fields(config)]  # pyright: ignore[reportArgumentType]
    hints = get_type_hints(type(config))
    values: dict[str, Any] = {}
    for name, change in changes.items():
        full = f"{where}{name}"
        if name not in known:
            raise _unknown(full, name, known)
        if isinstance(change, _Value):
            values[name] = convert(hints[name], change.value, full)
            continue
        old = getattr(config, name)
        if not is_dataclass(old):
            raise InputError(f"a setting that has parts at {full}", repr(old), f"set {full} itself")
        values[name] = _changed(old, change, f"{full}.")
    return replace(config, **values)  # pyright: ignore[reportArgumentType, reportUnknownVariableType]


def convert(hint: Any, value: Any, where: str) -> Any:
    """`value`, as read from JSON or a literal, as the annotated type."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        options = get_args(hint)
        if value is None and type(None) in options:
            return None
        return convert(next(o for o in options if o is not type(None)), value, where)
    if origin is Literal:
        if value not in get_args(hint):
            raise _mistyped(f"one of {', '.join(map(str, get_args(hint)))}", value, where)
        return value
    if origin is tuple:
        return _as_tuple(get_args(hint), value, where)
    if is_dataclass(hint) and isinstance(hint, type):
        return _as_dataclass(hint, value, where)
    if hint is float and type(value) is int:
        return float(value)
    if hint is not Any and type(value) is not hint:
        raise _mistyped(getattr(hint, "__name__", str(hint)), value, where)
    return value


def _as_tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _mistyped("a list", value, where)
    items: list[Any] = list(value)
    kinds = kinds[:1] * len(items) if kinds[-1:] == (Ellipsis,) else kinds
    if len(kinds) != len(items):
        raise _mistyped(f"{len(kinds)} values", value, where)
    return tuple(convert(k, item, f"{where}[{i}]") for i, (k, item) in enumerate(zip(kinds, items, strict=True)))


def _as_dataclass(hint: type, value: Any, where: str) -> Any:
    if isinstance(value, hint):
        return value
    if not isinstance(value, Mapping):
        raise _mistyped(f"a group of settings ({hint.__name__})", value, where)
    return from_plain(hint, value, where)  # pyright: ignore[reportUnknownArgumentType]


def _literal(text: str) -> Any:
    lowered = text.lower()
    if lowered in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[lowered]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _unknown(where: str, name: str, known: list[str]) -> InputError:
    near = get_close_matches(name, known, n=1)
    action = f"did you mean {near[0]}?" if near else "correct the name"
    return InputError(f"a setting out of {', '.join(known)}", where, action)


def _mistyped(expected: str, value: Any, where: str) -> InputError:
    return InputError(f"{expected} at {where}", repr(value), "correct the value")
