"""The distogram of one target as a file of the batch, or what was made of it. Arrays as they are; no pickle."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.files import write_npz
from alphafold_lite.weights.npz import read_npz


@dataclass(frozen=True, kw_only=True, slots=True)
class Distogram:
    """What is kept of one target; the arrays that are not needed any more are None.

    Attributes:
        log_probabilities: as `predict.distogram.log_probabilities` has them.
        confidence: of each residue, made by comparison with a reference.
        reference: digest of that reference.
    """

    num_res: int
    log_probabilities: Float[np.ndarray, "N_pairs bins"] | None = None
    confidence: Float[np.ndarray, "N_res"] | None = None
    reference: str = ""


def save_distogram(found: Distogram, path: Path) -> None:
    """Write one file, whole or not at all.

    Raises:
        InputError: the folder cannot be written.
    """
    arrays = {"num_res": np.array(found.num_res), "reference": np.array(found.reference, np.str_)}
    for name in ("log_probabilities", "confidence"):
        if (array := getattr(found, name)) is not None:
            arrays[name] = array
    write_npz(path, arrays)


def load_distogram(path: Path) -> Distogram:
    """Read what `save_distogram` wrote.

    Raises:
        InputError: the file is missing, damaged or of another kind.
    """
    arrays = read_npz(path)
    try:
        return Distogram(
            num_res=int(arrays["num_res"]),
            log_probabilities=arrays.get("log_probabilities"),
            confidence=arrays.get("confidence"),
            reference=str(arrays["reference"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        found = f"{type(error).__name__}: {error}"
        raise InputError(f"the distogram of a target in {path}", found, "predict it again") from error
