"""How much an alignment says: rows, coverage and effective number of sequences, and what that lets one expect."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from data_pipeline.msa import GAP

MIN_NEFF, SATURATED_NEFF = (
    30.0,
    100.0,
)  # AlphaFold's accuracy falls below and saturates above (AlphaFold paper, Fig. 5a)
_SIMILAR = (4, 5)  # rows at least 4/5 identical share one vote (AlphaFold paper, Methods, "MSA depth analysis")
_BLOCK_ROWS = 512  # rows compared at a time: bounds the one-hot copies
_MAX_ROWS = 4_096  # rows compared at all: time grows with their square, to about 2 s for 200 residues


@dataclass(frozen=True, kw_only=True, slots=True)
class Depth:
    """Depth of an alignment, residue by residue."""

    num_rows: int  # the query included
    neff: Float[
        np.ndarray, "N_res"
    ]  # rows without a gap here, each weighted by 1 / (rows at least 80 % identical to it)
    coverage: Float[np.ndarray, "N_res"]  # share of the rows without a gap here
    median_neff: float
    message: str

    def to_json_dict(self) -> dict[str, Any]:
        """For `run.json`: numbers and the tracks per residue."""
        return {
            "num_rows": self.num_rows,
            "median_neff": round(self.median_neff, 2),
            "message": self.message,
            "neff": [round(float(value), 2) for value in self.neff],
            "coverage": [round(float(value), 3) for value in self.coverage],
        }


def msa_depth(msa: Int[np.ndarray, "N_rows N_res"]) -> Depth:
    """Depth of an alignment in network letters (gap 21), row 0 being the query.

    Two rows are compared over the columns where either has a residue. Of more than 4,096 rows so many are taken, evenly spaced, for Neff, which is a lower bound
    then.
    """
    num_rows = len(msa)
    compared = msa[np.linspace(0, num_rows - 1, min(num_rows, _MAX_ROWS)).round().astype(np.int64)]
    weights = row_weights(compared)
    is_residue = compared != GAP
    neff = weights @ is_residue
    median = float(np.median(neff))
    return Depth(
        num_rows=num_rows,
        neff=neff.astype(np.float32),
        coverage=(msa != GAP).mean(axis=0).astype(np.float32),
        median_neff=median,
        message=_message(num_rows, median),
    )


def row_weights(msa: Int[np.ndarray, "N_rows N_res"]) -> Float[np.ndarray, "N_rows"]:
    """1 / (number of rows, itself included, that are at least 80 % identical over the columns where either has a residue)."""
    num_rows = len(msa)
    length = np.count_nonzero(msa < GAP, axis=1).astype(np.float32)
    blocks = [slice(start, start + _BLOCK_ROWS) for start in range(0, num_rows, _BLOCK_ROWS)]
    share, whole = _SIMILAR
    num_similar = np.zeros(num_rows, np.int64)
    for number, block in enumerate(blocks):
        letters, residues = _one_hot(msa[block])
        for other in blocks[number:]:
            other_letters, other_residues = (letters, residues) if other == block else _one_hot(msa[other])
            equal = letters @ other_letters.T  # whole numbers below 2^24: exact in float32
            either = length[block][:, None] + length[other] - residues @ other_residues.T
            is_similar = whole * equal >= share * either
            num_similar[block] += np.count_nonzero(is_similar, axis=1)
            if other != block:
                num_similar[other] += np.count_nonzero(is_similar, axis=0)
    return 1.0 / num_similar


def _one_hot(rows: Int[np.ndarray, "N_rows N_res"]) -> tuple[np.ndarray, np.ndarray]:
    letters = (rows[..., None] == np.arange(GAP, dtype=rows.dtype)).astype(np.float32).reshape(len(rows), -1)
    return letters, (rows < GAP).astype(np.float32)


def _message(num_rows: int, median: float) -> str:
    if num_rows <= 1:
        return "no relatives found: the structure rests on the query alone"
    number = f"{median:.0f}" if median >= 10 else f"{median:.1f}"
    if median < MIN_NEFF:
        return f"shallow alignment, median Neff {number}: AlphaFold's accuracy falls below about {MIN_NEFF:.0f}"
    if median < SATURATED_NEFF:
        return f"median Neff {number}: AlphaFold gains up to about {SATURATED_NEFF:.0f}"
    return f"deep alignment, median Neff {number}: more than about {SATURATED_NEFF:.0f} brings AlphaFold little"
