"""Kept predictions as a packed set that `training.chains` reads, their alignments beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.errors import InputError
from alphafold_lite.common.features import Features
from alphafold_lite.common.protein import Protein
from alphafold_lite.distill.predicted import FEATURES, Predicted
from alphafold_lite.outputs.files import write_npz
from alphafold_lite.training.chains import (
    COORDINATE_UNIT,
    PLAIN_NAME,
    PROFILE_UNIT,
    WEIGHT_UNIT,
    packed_columns,
    whole_numbering,
    write_alignment,
)
from alphafold_lite.training.mixing import SET
from alphafold_lite.weights.npz import read_npz
from data_pipeline.feature_file import load_features
from data_pipeline.parsers.alignment import Alignment

LARGEST = np.iinfo(np.int16).max * COORDINATE_UNIT  # Å from the centre, as far as packed coordinates reach
LETTERS = np.array([*rc.restypes_with_x, "-"])  # of the network's numbers
CA = rc.atom_order["CA"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pupil:
    """One chain to learn from, packed."""

    id: str
    sequence: str
    coords: Int[np.ndarray, "N_res 14 3"]  # 0.01 Å, centred
    mask: Bool[np.ndarray, "N_res 14"]
    profile: Int[np.ndarray, "N_res 20"]  # 1/255
    weight: Int[np.ndarray, "N_res"]  # 1/255
    alignment: str  # name of its file


def pack(target: Predicted, protein: Protein, weights: Float[np.ndarray, "N_res"], out: Path) -> Pupil:
    """Pack a prediction and write its alignment into the folder of the set.

    Raises:
        InputError: files of the prediction that cannot be read, atoms too far apart, or a folder that cannot be written.
    """
    features, aatype = load_features(target.folder / FEATURES), protein.aatype
    if not np.array_equal(features.aatype, aatype):
        raise InputError(f"the sequence of {FEATURES} in {target.folder}", "a structure of another", "restore it")
    columns = rc.restype_atom14_to_atom37[aatype]
    mask = np.take_along_axis(protein.atom_mask, columns, axis=1) * rc.restype_atom14_mask[aatype] > 0
    positions = np.take_along_axis(protein.atom_positions, columns[..., None], axis=1)
    centred = np.where(
        mask[..., None], positions - protein.atom_positions[protein.atom_mask[:, CA] > 0, CA].mean(0), 0.0
    )
    if np.abs(centred).max() > LARGEST:
        raise InputError(f"atoms up to {LARGEST:.0f} Å from the centre of {target.name}", "others", "leave it out")
    name = f"{target.name}.a3m.gz"
    write_alignment(out / name, _alignment(features))
    return Pupil(
        id=target.name,
        sequence=features.sequence,
        coords=np.rint(centred / COORDINATE_UNIT).astype(np.int16),
        mask=mask,
        profile=np.rint(frequencies(features) / PROFILE_UNIT).astype(np.uint8),
        weight=np.rint(weights / WEIGHT_UNIT).astype(np.uint8),
        alignment=name,
    )


def _alignment(features: Features) -> Alignment:
    """The rows that the network was given, under the names that they had."""
    return Alignment(
        sequences=tuple("".join(row) for row in LETTERS[features.msa]),
        deletion_matrix=features.deletion_matrix,
        descriptions=(features.name, *features.msa_descriptions[1:]),
    )


def frequencies(features: Features) -> Float[np.ndarray, "N_res 20"]:
    """How often each residue type stands in a column, among rows that have one there; the query alone where none has."""
    counts = (features.msa[..., None] == np.arange(len(rc.restypes))).sum(0)
    return counts / np.maximum(counts.sum(-1, keepdims=True), 1)


def arrays_of(pupils: Sequence[Pupil]) -> dict[str, np.ndarray]:
    """A packed set as `training.chains` reads it; each chain is a cluster of its own."""
    sequences = [pupil.sequence for pupil in pupils]
    return packed_columns([pupil.id for pupil in pupils], sequences) | {
        "cluster": np.arange(len(pupils), dtype=np.int32),
        "coords": np.concatenate([pupil.coords for pupil in pupils]),
        "mask": np.concatenate([pupil.mask for pupil in pupils]),
        "residue_index": whole_numbering(sequences),
        "profile": np.concatenate([pupil.profile for pupil in pupils]),
        "weight": np.concatenate([pupil.weight for pupil in pupils]),
        "alignment": np.array([pupil.alignment for pupil in pupils], np.str_),
    }


def write_set(out: Path, pupils: Sequence[Pupil]) -> None:
    """Write `distilled.npz`, then remove alignments that only an earlier one named; without chains there is no set."""
    path = out / SET
    named = _named(path)
    if pupils:
        write_npz(path, arrays_of(pupils))
    else:
        path.unlink(missing_ok=True)
    for name in named - {pupil.alignment for pupil in pupils}:
        (out / name).unlink(missing_ok=True)


def _named(path: Path) -> set[str]:
    try:
        names = {str(name) for name in read_npz(path).get("alignment", ())}
    except InputError:
        return set()
    return {name for name in names if PLAIN_NAME.fullmatch(name) and name.endswith(".a3m.gz")}
