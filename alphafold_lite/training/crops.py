"""A contiguous piece of a chain that keeps its residue numbers (supplement 1.2.8)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.training.chains import Chain


@dataclass(frozen=True, kw_only=True, slots=True)
class Crop:
    """What of a chain becomes a sample. Coordinates in Å."""

    chain: Chain
    start: int
    stop: int

    @property
    def rows(self) -> slice:
        """The residues of the chain."""
        return slice(self.start, self.stop)

    @property
    def sequence(self) -> str:
        return self.chain.sequence[self.rows]

    @property
    def aatype(self) -> Int[np.ndarray, "N_res"]:
        return self.chain.aatype[self.rows]

    @property
    def residue_index(self) -> Int[np.ndarray, "N_res"]:
        return self.chain.residue_index[self.rows]

    @property
    def positions(self) -> Float[np.ndarray, "N_res 37 3"]:
        return self.chain.atom37_positions[self.rows]

    @property
    def mask(self) -> Float[np.ndarray, "N_res 37"]:
        return self.chain.atom37_mask[self.rows]

    @property
    def weights(self) -> Float[np.ndarray, "N_res"] | None:
        """Of the residues in the losses; None for an experimental structure."""
        whole = self.chain.weights
        return None if whole is None else whole[self.rows]

    @property
    def profile(self) -> Float[np.ndarray, "N_res 23"] | None:
        """As the network reads it; None where the chain has none."""
        whole = self.chain.cluster_profile
        return None if whole is None else whole[self.rows]


def random_crop(chain: Chain, size: int, *, clamped: bool, rng: np.random.Generator) -> Crop:
    """At most `size` residues. Starts are uniform for samples with clamped FAPE; otherwise pieces near the N terminus are likelier."""
    surplus = max(len(chain.sequence) - size, 0)
    last = surplus if clamped else surplus - int(rng.integers(0, surplus + 1))
    start = int(rng.integers(0, last + 1))
    return Crop(chain=chain, start=start, stop=min(start + size, len(chain.sequence)))


def middle_crop(chain: Chain, size: int) -> Crop:
    """The middle `size` residues, or the whole chain."""
    start = max(len(chain.sequence) - size, 0) // 2
    return Crop(chain=chain, start=start, stop=min(start + size, len(chain.sequence)))
