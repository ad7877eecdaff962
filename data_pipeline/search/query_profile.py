"""The query's own profile: what its alignment, the profiles of its sure library hits and BLOSUM62 say of every residue."""

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.common.features import CarriedProfile
from alphafold_lite.common.residue_constants import restypes
from data_pipeline.search.hmms import background_frequencies, substitution_probabilities

MAX_ROWS = 3_000  # of the alignment, the first ones
PSEUDOCOUNT = 3.0  # observations that BLOSUM62 counts for
CARRIED_COUNT = 4.0  # observations that a fully trusted carried profile counts for
MIN_COUNT = 0.1  # of the query without relatives


def query_profile(
    msa: Int[np.ndarray, "N_rows N_res"], carried: CarriedProfile | None = None
) -> Float[np.ndarray, "N_res 20"]:
    """Residue probabilities of the query's positions, rows summing to 1, in the order of `restypes`.

    An alignment counts for as many observations as it holds different residues a column, less the query's own: exp(mean entropy) - 1, HH-suite's number of
    effective sequences. A position about which nothing is known has the background.

    Args:
        msa: network letters, 0-19 for residues; row 0 is the query.
        carried: what library hits gave.
    """
    observed = weighted_frequencies(msa[:MAX_ROWS])
    entropy = -(observed * np.log(np.where(observed > 0, observed, 1.0))).sum(axis=1)
    count = max(float(np.exp(entropy.mean())) - 1.0, MIN_COUNT)
    sums = count * observed
    if carried is not None:
        sums = sums + CARRIED_COUNT * carried.trust[:, None] * carried.frequencies
    total = sums.sum(axis=1, keepdims=True)
    expected = (sums / np.where(total > 0, total, 1.0)) @ substitution_probabilities()
    mixed = (sums + PSEUDOCOUNT * expected) / (total + PSEUDOCOUNT)
    return np.where(total > 0, mixed, background_frequencies()).astype(np.float32)


def weighted_frequencies(msa: Int[np.ndarray, "N_rows N_res"]) -> Float[np.ndarray, "N_res 20"]:
    """Residue frequencies with Henikoff and Henikoff's position-based weights (J. Mol. Biol. 243, 574, 1994); gaps and X count nothing."""
    is_letter = [msa == letter for letter in range(len(restypes))]
    counts = np.stack([np.count_nonzero(here, axis=0) for here in is_letter])
    num_kinds = np.maximum(np.count_nonzero(counts, axis=0), 1)
    shares = [1.0 / (num_kinds * np.maximum(count, 1)) for count in counts]
    weights = np.sum([here @ share for here, share in zip(is_letter, shares, strict=True)], axis=0)
    sums = np.stack([weights @ here for here in is_letter], axis=1)
    total = sums.sum(axis=1, keepdims=True)
    return sums / np.where(total > 0, total, 1.0)
