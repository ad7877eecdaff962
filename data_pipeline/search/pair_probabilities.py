"""How likely each residue of a query pairs with each of a chain, over all local alignments, and the alignment that is right in most pairs.

The best-scoring alignment stops where the next pairs cost a little, and takes one side where two are about as good. Summing over all alignments (forward and
backward) and choosing the pairs that are expected to be right most often covers more of the query: the maximum-accuracy alignment of HHsearch (Biegert and
Söding, Bioinformatics 24, 807, 2008).
"""

import numpy as np
from jaxtyping import Float, Int

LEAST_PROBABILITY = 0.1  # a pair less likely than that is worth less than none
_LN2 = float(np.log(2.0))


def pair_probabilities(
    scores: Float[np.ndarray, "N_res N_chain"], *, gap_open: float, gap_extend: float
) -> Float[np.ndarray, "N_res N_chain"]:
    """Share of each pair among all local alignments, weighted by 2^score.

    Args:
        scores: bits of every pair of residues.
        gap_open: bits of a gap's first residue.
        gap_extend: bits of every further one.
    """
    bits = scores.astype(np.float64)
    forward, forward_logs = _summed(bits, gap_open, gap_extend)
    backward, backward_logs = _summed(bits[::-1, ::-1], gap_open, gap_extend)
    backward, backward_logs = backward[::-1, ::-1], backward_logs[::-1]
    with np.errstate(divide="ignore"):
        by_row = np.log(forward.sum(axis=1)) + forward_logs
        everything = np.logaddexp.reduce(np.append(by_row, 0.0))  # 0: the empty alignment
        logs = np.log(forward) + np.log(backward) - _LN2 * bits  # the pair itself is in both
    return np.exp(logs + (forward_logs + backward_logs - everything)[:, None])


def most_accurate_pairs(
    probabilities: Float[np.ndarray, "N_res N_chain"],
) -> tuple[Int[np.ndarray, "N_pairs"], Int[np.ndarray, "N_pairs"]]:
    """The increasing pairs with the largest sum of probabilities, each less `LEAST_PROBABILITY`: residues of the query and of the chain, 0-based."""
    num_res, num_chain = probabilities.shape
    gains = probabilities - LEAST_PROBABILITY
    best = np.zeros((num_res + 1, num_chain + 1))
    for residue, row in enumerate(gains):
        paired = np.maximum(best[residue, :-1] + row, best[residue, 1:])
        best[residue + 1, 1:] = np.maximum.accumulate(paired)
    pairs: list[tuple[int, int]] = []
    residue, place = num_res, num_chain
    while residue and place:
        if best[residue, place] == best[residue - 1, place]:
            residue -= 1
        elif best[residue, place] == best[residue, place - 1]:
            place -= 1
        else:
            residue, place = residue - 1, place - 1
            pairs.append((residue, place))
    query_index, chain_index = np.array(pairs[::-1], np.int64).reshape(-1, 2).T
    return query_index, chain_index


def _summed(
    bits: Float[np.ndarray, "N_res N_chain"], gap_open: float, gap_extend: float
) -> tuple[Float[np.ndarray, "N_res N_chain"], Float[np.ndarray, "N_res"]]:
    """Sum over all local alignments that end in each pair, every row divided by a number whose logarithm comes with it."""
    num_res, num_chain = bits.shape
    weights = np.exp2(bits)
    opened, extended = 2.0**-gap_open, 2.0**-gap_extend
    sums, logs = np.zeros((num_res, num_chain)), np.zeros(num_res)
    paired, skipping = np.zeros(num_chain), np.zeros(num_chain)  # ends in a pair; in query residues without partner
    before = np.zeros(num_chain)  # of the previous row, all ends
    start, log = 1.0, 0.0
    for residue, row in enumerate(weights):
        skipping = opened * paired + extended * skipping
        paired = row * (start + np.append(0.0, before[:-1]))
        scale = max(float(paired.max()), float(skipping.max()), start)
        paired, skipping, start = paired / scale, skipping / scale, start / scale
        log += float(np.log(scale))
        before = paired + skipping + opened * _decaying_sums(paired, extended)
        sums[residue], logs[residue] = paired, log
    return sums, logs


def _decaying_sums(values: Float[np.ndarray, "N"], factor: float) -> Float[np.ndarray, "N"]:
    """Sum over all earlier values, the one just before whole, each one further back times `factor` once more."""
    sums = np.append(0.0, values[:-1])
    reach = 1
    while reach < len(sums):  # twice as far back each time
        sums[reach:] += factor**reach * sums[:-reach].copy()
        reach *= 2
    return sums
