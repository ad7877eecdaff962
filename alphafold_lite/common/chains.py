"""Chains in a row of residues: their names in files and where each begins and ends."""

import string
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

CHAIN_IDS = (
    string.ascii_uppercase + string.ascii_lowercase + string.digits
)  # for chain numbers 0-61: one letter or digit in a PDB file


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainSpan:
    """The residues of one chain as a range of rows, counted from 0; `stop` is the first row behind it."""

    id: str
    start: int
    stop: int


def chain_spans(chain_index: Int[np.ndarray, "N_res"]) -> tuple[ChainSpan, ...]:
    """Where each chain of `chain_index` (not decreasing, 0-61) lies."""
    starts = np.flatnonzero(np.diff(chain_index, prepend=-1))
    stops = [*starts[1:], len(chain_index)]
    return tuple(
        ChainSpan(id=CHAIN_IDS[int(chain_index[start])], start=int(start), stop=int(stop))
        for start, stop in zip(starts, stops, strict=True)
    )


def residue_numbers(spans: tuple[ChainSpan, ...]) -> Int[np.ndarray, "N_res"]:
    """Numbers from 1 in every chain."""
    return np.concatenate([np.arange(1, span.stop - span.start + 1, dtype=np.int32) for span in spans])
