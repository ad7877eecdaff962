"""The JSON files of scores, in the shapes that AlphaFold and the AlphaFold database write. pLDDT 0-100, PAE in Å."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from alphafold_lite.common.chains import ChainSpan, residue_numbers
from alphafold_lite.common.errors import InputError

# Lower bounds of the database's categories: very high, confident (M), low, very low (D, disordered).
_CATEGORIES = ((90.0, "H"), (70.0, "M"), (50.0, "L"), (0.0, "D"))

_ROUNDING = 1e-3  # Å; an expectation over float32 probabilities may exceed the last bin by as much


def confidence_json(
    plddt: Float[np.ndarray, "N_res"], *, spans: tuple[ChainSpan, ...] = (), note: str | None = None
) -> str:
    """`confidence_….json` as in the AlphaFold database: number, pLDDT (two decimals) and category of each residue.

    Args:
        spans: the chains of a complex: residues are then numbered from 1 in each, and "chainId" names the chain of every residue.
        note: added as the field "note" where given (an untrained model says so here).

    Raises:
        InputError: a score outside 0-100 or not finite.
    """
    scores = np.asarray(plddt, np.float64)
    if scores.ndim != 1 or not ((scores >= 0) & (scores <= 100)).all():
        raise InputError("one pLDDT of 0 to 100 for each residue", _describe(scores), "check the confidence head")
    rounded = [round(float(score), 2) for score in scores]
    content: dict[str, object] = {
        "residueNumber": list(range(1, len(rounded) + 1)),
        "confidenceScore": rounded,
        "confidenceCategory": [_category(score) for score in scores],
    }
    if len(spans) > 1:
        content["residueNumber"] = residue_numbers(spans).tolist()
        content["chainId"] = [span.id for span in spans for _ in range(span.start, span.stop)]
    return _compact(content if note is None else content | {"note": note})


def _category(score: float) -> str:
    return next(letter for bound, letter in _CATEGORIES if score >= bound)


def pae_json(pae: Float[np.ndarray, "N_res N_res"], max_pae: float, *, spans: tuple[ChainSpan, ...] = ()) -> str:
    """`pae_….json`, exactly as in the AlphaFold database (format of July 2022): a list of one object, errors rounded to whole Å.

    Row i holds the errors when aligned on residue i; `max_pae` is the largest value that the head can give (31.75).

    Args:
        spans: the chains of a complex, listed as "chains": the id of each, its first and its last row, counted from 1.

    Raises:
        InputError: not a square matrix of finite numbers from 0 to `max_pae`.
    """
    errors = np.asarray(pae, np.float64)
    square = errors.ndim == 2 and errors.shape[0] == errors.shape[1]
    if not square or not ((errors >= 0) & (errors <= max_pae + _ROUNDING)).all():
        raise InputError(f"a square matrix of errors from 0 to {max_pae:g}", _describe(errors), "check the PAE head")
    whole = np.rint(errors).astype(int)
    content = {"predicted_aligned_error": whole.tolist(), "max_predicted_aligned_error": float(max_pae)}
    if len(spans) > 1:
        content["chains"] = [{"id": span.id, "start": span.start + 1, "end": span.stop} for span in spans]
    return _compact([content])


def _describe(values: np.ndarray) -> str:
    if not values.size:
        return f"an empty array of shape {values.shape}"
    return f"shape {values.shape}, values {values.min():g} to {values.max():g}"


def ranking_debug_json(
    scores: Mapping[str, float],
    *,
    score_name: str = "plddts",
    parts: Mapping[str, Mapping[str, float]] | None = None,
    note: str | None = None,
) -> str:
    """`ranking_debug.json`: the score of each model and their order, best first; equal scores stay in the given order.

    Args:
        score_name: "plddts" for a monomer, "iptm+ptm" for a complex, as AlphaFold calls them.
        parts: further scores of each model by name, such as "iptm".
    """
    values = {name: float(score) for name, score in scores.items()}
    order = sorted(values, key=lambda name: -values[name])
    content: dict[str, object] = {score_name: values, "order": order, **(parts or {})}
    return to_json(content if note is None else content | {"note": note})


def relax_metrics_json(metrics: Mapping[str, object], *, note: str | None = None) -> str:
    """`relax_metrics.json`: for each model the fields of its relaxation (dataclass or mapping), by model name."""
    content = dict(metrics)
    return to_json(content if note is None else content | {"note": note})


def timings_json(seconds: Mapping[str, float], *, note: str | None = None) -> str:
    """`timings.json`: seconds by stage, to the millisecond."""
    content: dict[str, object] = {stage: round(float(value), 3) for stage, value in seconds.items()}
    return to_json(content if note is None else content | {"note": note})


def to_json(content: object) -> str:
    """Indented JSON with sorted keys and a final newline; dataclasses, paths, NumPy numbers and arrays become plain JSON.

    Raises:
        ValueError: NaN or infinity, which JSON does not have.
        TypeError: an object without a JSON counterpart.
    """
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False, default=_plain) + "\n"


def _compact(content: object) -> str:
    return json.dumps(content, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if hasattr(value, "__fspath__"):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON counterpart")
