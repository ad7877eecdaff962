"""A protein structure in atom37 layout, Å."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, kw_only=True, slots=True)
class Protein:
    """One model or experimental structure. `residue_index` is the number printed in files (from 1); chains are numbered from 0."""

    atom_positions: Float[np.ndarray, "N_res 37 3"]
    atom_mask: Float[np.ndarray, "N_res 37"]
    aatype: Int[np.ndarray, "N_res"]  # 0-20, unknown 20
    residue_index: Int[np.ndarray, "N_res"]
    chain_index: Int[np.ndarray, "N_res"]
    b_factors: Float[np.ndarray, "N_res 37"]

    def with_positions(self, positions: Float[np.ndarray, "N_res 37 3"]) -> "Protein":
        """The same atoms somewhere else."""
        return replace(self, atom_positions=positions)
