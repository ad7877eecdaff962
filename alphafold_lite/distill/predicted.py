"""What the batch of the predictions left: targets in their order, what is known of them, their files."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from alphafold_lite.batch.files import distogram_file, state_path
from alphafold_lite.batch.rows import DONE
from alphafold_lite.batch.schema import open_for_reading
from alphafold_lite.batch.summary import rows
from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.errors import InputError
from alphafold_lite.common.protein import Protein
from alphafold_lite.outputs.pdb import from_pdb

STRUCTURE, FEATURES = "ranked_0.pdb", "features.npz"


@dataclass(frozen=True, kw_only=True, slots=True)
class Predicted:
    """A target of the batch; `problem` says why there is no prediction."""

    name: str
    length: int
    depth: int | None  # rows of its alignment
    mean_plddt: float | None
    problem: str | None
    folder: Path
    distogram: Path  # where it is, if there is one

    def structure(self) -> Protein:
        """The atoms as predicted; B-factors are pLDDT. Unknown residues (X) have none and are masked.

        Raises:
            InputError: no readable structure of this length.
        """
        path = self.folder / STRUCTURE
        try:
            protein = from_pdb(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"a structure {path}", str(error), "run the same command again") from error
        rows = protein.residue_index - 1
        if rows[0] < 0 or rows[-1] >= self.length or (np.diff(rows) < 1).any():
            raise InputError(f"residues 1 to {self.length} in {path}", "others", "restore the file")
        return _filled(protein, rows, self.length)


def _filled(protein: Protein, rows: Int[np.ndarray, "N_known"], length: int) -> Protein:
    """The same with a row for every residue."""

    def spread(values: np.ndarray, empty: int = 0) -> np.ndarray:
        whole = np.full((length, *values.shape[1:]), empty, values.dtype)
        whole[rows] = values
        return whole

    return Protein(
        atom_positions=spread(protein.atom_positions),
        atom_mask=spread(protein.atom_mask),
        aatype=spread(protein.aatype, rc.unk_restype_index),
        residue_index=np.arange(1, length + 1, dtype=np.int32),
        chain_index=np.zeros(length, np.int32),
        b_factors=spread(protein.b_factors),
    )


def predicted(out_dir: Path) -> tuple[str, list[Predicted]]:
    """The digest of what decides the predictions, and all targets of the last run.

    Raises:
        InputError: no journal of a batch.
    """
    with closing(open_for_reading(state_path(out_dir))) as journal:
        found = journal.execute("SELECT value FROM meta WHERE name = 'configuration'").fetchone()
        keys: dict[str, str] = dict(journal.execute("SELECT name, key FROM targets"))
        return str(found[0]), list(_targets(rows(journal), keys, out_dir))


def _targets(found: Iterator[dict[str, Any]], keys: dict[str, str], out_dir: Path) -> Iterator[Predicted]:
    for row in found:
        done, name = row["status"] == DONE, str(row["name"])
        yield Predicted(
            name=name,
            length=row["length"],
            depth=row["msa_depth"],
            mean_plddt=row["mean_plddt"],
            problem=None if done else f"not predicted: {row['reason'] or row['status']}",
            folder=out_dir / name,
            distogram=distogram_file(out_dir, keys[name]),
        )
