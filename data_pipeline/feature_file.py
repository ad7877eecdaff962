"""`features.npz`: the artefact between features and prediction. Arrays as they are, text as UTF-8 JSON; no pickle."""

import io
import json
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from alphafold_lite.common.errors import InputError
from alphafold_lite.common.features import CarriedProfile, Features, TemplateFeatures

_VERSION = 1
_TEXT = "text"  # name of the array that holds the JSON bytes
_RESIDUES, _ROWS, _TEMPLATES = "residues", "rows", "templates"
_Axes = tuple[str | int, ...]
_AXES: dict[str, _Axes] = {
    "aatype": (_RESIDUES,),
    "residue_index": (_RESIDUES,),
    "chain_index": (_RESIDUES,),
    "msa": (_ROWS, _RESIDUES),
    "deletion_matrix": (_ROWS, _RESIDUES),
}
_TEMPLATE_AXES: dict[str, _Axes] = {
    "aatype": (_TEMPLATES, _RESIDUES),
    "atom_positions": (_TEMPLATES, _RESIDUES, 37, 3),
    "atom_mask": (_TEMPLATES, _RESIDUES, 37),
    "sum_probs": (_TEMPLATES,),
}
_FOUND = ("e_value", "identity", "coverage")  # of templates; arrays that may be absent, and NaN in places
_FOUND_NAMES = frozenset(f"template_{name}" for name in _FOUND)
_CARRIED = {"carried_frequencies": (_RESIDUES, 20), "carried_trust": (_RESIDUES,)}  # may be absent
_LARGEST = {"aatype": 20, "msa": 21, "template_aatype": 21}  # letters in network order
# What NumPy, zipfile and json raise on damaged or foreign files, and our own ValueError.
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    MemoryError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


def save_features(features: Features, path: str | Path) -> None:
    """Write one file, first under a temporary name in the same folder; equal features give equal bytes.

    Raises:
        InputError: the file cannot be written.
    """
    text: dict[str, Any] = {
        "version": _VERSION,
        "name": features.name,
        "sequence": features.sequence,
        "msa_descriptions": features.msa_descriptions,
    }
    arrays = {name: getattr(features, name) for name in _AXES}
    if features.templates is not None:
        text["template_names"] = features.templates.names
        arrays |= {f"template_{name}": getattr(features.templates, name) for name in _TEMPLATE_AXES}
        optional = {f"template_{name}": getattr(features.templates, name) for name in _FOUND}
        arrays |= {name: array for name, array in optional.items() if array is not None}
    if features.carried is not None:
        arrays |= {name: getattr(features.carried, name.removeprefix("carried_")) for name in _CARRIED}
    arrays[_TEXT] = np.frombuffer(json.dumps(text).encode(), np.uint8)
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(stream.getvalue())
        temporary.replace(target)
    except OSError as error:
        if temporary.is_file():  # half written, for example on a full disk
            temporary.unlink()
        raise InputError(f"a writable file {target}", error.strerror or str(error), "check the folder") from error


def load_features(path: str | Path) -> Features:
    """Read what `save_features` wrote.

    Raises:
        InputError: the file is missing, truncated, of another kind or version, or its arrays do not fit together.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays: dict[str, np.ndarray] = {name: archive[name] for name in archive.files}
        text = json.loads(arrays.pop(_TEXT).tobytes())
        if text["version"] != _VERSION or not isinstance(text["sequence"], str):
            raise ValueError(f"version {text['version']}")
        return _assemble(arrays, text)
    except _DAMAGE as error:
        found = f"{type(error).__name__}: {error}".replace("\n", " ")
        raise InputError(
            f"a features.npz of version {_VERSION} in {path}", found, "build the features again"
        ) from error


def _assemble(arrays: dict[str, np.ndarray], text: dict[str, Any]) -> Features:
    names, descriptions = text.get("template_names"), text["msa_descriptions"]
    sizes = {_RESIDUES: len(text["sequence"]), _ROWS: len(descriptions), _TEMPLATES: len(names or ())}
    axes = dict(_AXES)
    if names is not None:
        axes |= {f"template_{name}": template_axes for name, template_axes in _TEMPLATE_AXES.items()}
        axes |= {f"template_{name}": (_TEMPLATES,) for name in _FOUND if f"template_{name}" in arrays}
    if arrays.keys() & _CARRIED.keys():
        axes |= _CARRIED
    if arrays.keys() != axes.keys():
        missing, extra = sorted(axes.keys() - arrays.keys()), sorted(arrays.keys() - axes.keys())
        raise ValueError(f"missing arrays {missing}, unknown arrays {extra}")
    checked = {name: _checked(name, arrays[name], axes[name], sizes) for name in axes}
    templates = None
    if names is not None:
        present = (name for name in (*_TEMPLATE_AXES, *_FOUND) if f"template_{name}" in checked)
        parts = {name: checked[f"template_{name}"] for name in present}
        templates = TemplateFeatures(names=tuple(names), **parts)
    return Features(
        name=text["name"],
        sequence=text["sequence"],
        msa_descriptions=tuple(descriptions),
        templates=templates,
        carried=_carried(checked),
        **{name: checked[name] for name in _AXES},
    )


def _carried(arrays: dict[str, np.ndarray]) -> CarriedProfile | None:
    if not arrays.keys() & _CARRIED.keys():
        return None
    return CarriedProfile(frequencies=arrays["carried_frequencies"], trust=arrays["carried_trust"])


def _checked(name: str, array: np.ndarray, axes: _Axes, sizes: dict[str, int]) -> np.ndarray:
    shape = tuple(sizes[axis] if isinstance(axis, str) else axis for axis in axes)
    if array.shape != shape or 0 in shape:
        raise ValueError(f"{name} of shape {array.shape} instead of {shape}")
    is_found = name in _FOUND_NAMES
    if array.dtype.kind not in "iuf" or not (np.isfinite(array) | (is_found & np.isnan(array))).all():
        raise ValueError(f"{name} holds something else than finite numbers")
    if name in _LARGEST and not (0 <= array.min() and array.max() <= _LARGEST[name]):
        raise ValueError(f"{name} holds unknown letters")
    is_real = array.dtype.kind == "f"
    if is_real != (is_found or name.startswith(("template_atom", "template_sum", "carried"))):
        raise ValueError(f"{name} of type {array.dtype}")
    return array
