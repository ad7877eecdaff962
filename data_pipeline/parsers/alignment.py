"""An alignment to a query, as the parsers hand it on."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int


@dataclass(frozen=True, kw_only=True, slots=True)
class Alignment:
    """Rows laid onto the columns of the first row, which is the query."""

    sequences: tuple[str, ...]  # capitals and '-', all of the query's length
    deletion_matrix: Int[np.ndarray, "N_rows N_res"]  # residues deleted to the left of each column
    descriptions: tuple[str, ...]
    source: str = "an alignment"  # for messages

    def columns(self, start: int, stop: int) -> "Alignment":
        """The same rows over a part of the query."""
        return replace(
            self,
            sequences=tuple(row[start:stop] for row in self.sequences),
            deletion_matrix=self.deletion_matrix[:, start:stop],
        )


def count_deletions(
    is_column: Bool[np.ndarray, "N_letters"], is_deleted: Bool[np.ndarray, "N_letters"]
) -> Int[np.ndarray, "N_res"]:
    """How many deleted letters stand between each column and the one before it; those after the last column are dropped."""
    deleted_so_far = np.cumsum(is_deleted, dtype=np.int32)[is_column]
    return np.diff(deleted_so_far, prepend=np.int32(0))
