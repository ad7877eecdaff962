"""When a computed array agrees with a recorded one: the rule of the reference set (shape, mask, kind, absolute tolerance)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

QUATERNION_COMPONENTS = 4  # of the seven numbers of an affine; the rest is the translation


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """How one recorded array is compared.

    Args:
        kind: `real` numbers, `exact` equality, `affine` quaternion and translation on the last axis, where the quaternion may be negated.
        mask: name of the mask of the entries that count, whose axes are the leading ones; None for all entries.
        tolerance: largest absolute difference allowed.
    """

    kind: str
    mask: str | None
    tolerance: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Outcome of a comparison; without a difference where none can be taken, and then the note says why."""

    ok: bool
    max_difference: float | None
    note: str = ""


def failure(note: str) -> Verdict:
    """A comparison that could not be made."""
    return Verdict(ok=False, max_difference=None, note=note)


def compare(got: Any, want: np.ndarray, rule: Rule, masks: Mapping[str, np.ndarray]) -> Verdict:
    """Judge a computed array. A value that is not finite never agrees, and neither does another shape."""
    got = np.asarray(got)
    if got.shape != want.shape:
        return failure(f"shape {got.shape} instead of {want.shape}")
    if rule.mask is not None and rule.mask not in masks:
        return failure(f"the mask {rule.mask} is not recorded")
    if _is_text(want) or _is_text(got):
        return _compare_text(got, want)
    if got.dtype.kind not in "biuf" or want.dtype.kind not in "biuf":
        return failure(f"type {got.dtype} instead of {want.dtype}")
    match rule.kind:
        case "real" | "exact":
            difference = _difference(got, want)
        case "affine":
            difference = _affine_difference(got, want)
        case _:
            return failure(f"unknown kind of array {rule.kind}")
    return _judge(difference, None if rule.mask is None else masks[rule.mask], rule)


def compare_json(got: Any, want: Any) -> Verdict:
    """Judge the content of a JSON file: equal after a passage through JSON."""
    try:
        same = json.loads(json.dumps(got)) == want
    except TypeError as error:
        return failure(f"not JSON: {error}")
    return Verdict(ok=same, max_difference=0.0 if same else 1.0, note="" if same else "content differs")


def _judge(difference: np.ndarray, mask: np.ndarray | None, rule: Rule) -> Verdict:
    if mask is not None:
        leading = mask.astype(bool)
        if leading.ndim > difference.ndim:
            return failure(f"the mask {rule.mask} has {leading.ndim} axes, the array {difference.ndim}")
        leading = leading.reshape(leading.shape + (1,) * (difference.ndim - leading.ndim))
        try:
            difference = difference[np.broadcast_to(leading, difference.shape)]
        except ValueError:
            return failure(f"the mask {rule.mask} of shape {mask.shape} does not fit the array {difference.shape}")
    largest = float(difference.max()) if difference.size else 0.0
    if not np.isfinite(largest):
        return failure("a value is not finite")
    allowed = 0.0 if rule.kind == "exact" else rule.tolerance
    return Verdict(ok=largest <= allowed, max_difference=largest)


def _difference(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # infinity less infinity; the result is judged
        return np.asarray(np.abs(got.astype(np.float64) - want.astype(np.float64)))


def _affine_difference(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Differences with each quaternion in whichever sign is nearer."""
    negated = got.astype(np.float64)
    negated[..., :QUATERNION_COMPONENTS] *= -1
    as_it_is, turned = _difference(got, want), _difference(negated, want)
    nearer = turned[..., :QUATERNION_COMPONENTS].max(-1) < as_it_is[..., :QUATERNION_COMPONENTS].max(-1)
    return np.where(nearer[..., None], turned, as_it_is)


def _is_text(array: np.ndarray) -> bool:
    return array.dtype.kind in "US"


def _compare_text(got: np.ndarray, want: np.ndarray) -> Verdict:
    if not (_is_text(got) and _is_text(want)):
        return failure(f"type {got.dtype} instead of {want.dtype}")
    same = bool((got.astype(str) == want.astype(str)).all())
    return Verdict(ok=same, max_difference=0.0 if same else 1.0, note="" if same else "text differs")
