"""Unrelaxed results of one target between the folding and the relaxing worker. Arrays as they are, the rest as JSON; no pickle."""

import json
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alphafold_lite.common.errors import InputError
from alphafold_lite.common.protein import Protein
from alphafold_lite.outputs.files import write_npz
from alphafold_lite.predict.result import FoldResult

_PROTEIN = ("atom_positions", "atom_mask", "aatype", "residue_index", "chain_index", "b_factors")
_PLAIN = ("model", "number", "seed", "untrained", "caution", "ptm", "max_pae", "num_recycles", "iptm")
_TEXT = "text"
_DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error)


def save_results(results: Sequence[FoldResult], path: Path) -> None:
    """Write one file, whole or not at all; relaxations are left out.

    Raises:
        InputError: the folder cannot be written.
    """
    arrays: dict[str, np.ndarray] = {}
    for number, result in enumerate(results):
        arrays |= {f"{number}_{name}": getattr(result.unrelaxed, name) for name in _PROTEIN}
        arrays[f"{number}_plddt"] = result.plddt
        if result.pae is not None:
            arrays[f"{number}_pae"] = result.pae
    text = [{name: getattr(result, name) for name in _PLAIN} for result in results]
    arrays[_TEXT] = np.frombuffer(json.dumps(text).encode(), np.uint8)
    write_npz(path, arrays, compress=False)


def load_results(path: Path) -> tuple[FoldResult, ...]:
    """Read what `save_results` wrote, in the same order.

    Raises:
        InputError: the file is missing, damaged or of another kind.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays: dict[str, np.ndarray] = {name: archive[name] for name in archive.files}
        return tuple(
            FoldResult(
                unrelaxed=Protein(**{name: arrays[f"{number}_{name}"] for name in _PROTEIN}),
                plddt=arrays[f"{number}_plddt"],
                pae=arrays.get(f"{number}_pae"),
                **plain,
            )
            for number, plain in enumerate(json.loads(arrays[_TEXT].tobytes()))
        )
    except _DAMAGE as error:
        found = f"{type(error).__name__}: {error}".replace("\n", " ")
        raise InputError(f"results of a folded target in {path}", found, "fold it again") from error
