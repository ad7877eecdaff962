"""A query's profile against the profile of each library chain: finds relatives that share no sequence, and aligns the others better than one sequence can.

Columns are compared as in HHsearch (Söding, Bioinformatics 21, 951, 2005): the log of the summed odds of both profiles. All chains are scored without gaps, the
best ones with gaps (Smith and Waterman, with Gotoh's affine gaps), the hits are aligned by the probabilities of their pairs (`pair_probabilities`). What chance
gives is learnt from the query read backwards, which has the same composition and no relatives: its best scores fall off exponentially with their rank, and a
score's E-value is the rank at which that line would reach it.
"""

import threading
from bisect import bisect_right
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from data_pipeline.search.base import Query
from data_pipeline.search.hmms import background_frequencies, emissions, more_than_sequence
from data_pipeline.search.library_hit import ChainLibrary, LibraryHit, closest_first, library_hit
from data_pipeline.search.pair_probabilities import most_accurate_pairs, pair_probabilities

MIN_CHAINS = 500  # fewer do not show what chance gives
MAX_QUERY = 5_000  # residues
GAP_OPEN, GAP_EXTEND = 5.0, 0.5  # bits, of the first and of every further residue
SHIFT = 0.1  # bits that every pair of columns costs
BACKGROUND = 0.05  # share of the background in a stored profile
NUM_GAPPED = 400  # chains that are aligned with gaps
NULL_RANKS = slice(5, 150)  # of the reversed query's scores: the line is fitted here
_BLOCK_RESIDUES = 16_384  # of the library, compared at a time
_BETWEEN = -1e3  # bits at the place between two chains, which nothing crosses
_MIN_EXPONENT = -600.0  # of an E-value, natural logarithm


@dataclass(frozen=True, kw_only=True, slots=True)
class _Columns:
    """Chains one behind the other, with one empty place before each and one after the last."""

    chains: Int[np.ndarray, "N_chain"]
    starts: Int[np.ndarray, "N_chain"]  # the place before each chain
    odds: Float[np.ndarray, "N_place 20"]  # probability over background; half precision

    def scores(self, profile: Float[np.ndarray, "N_res 20"]) -> Float[np.ndarray, "N_res N_place"]:
        """Bits for every pair of a residue of the query and a place."""
        bits = _bits(profile, self.odds)
        bits[:, self.starts] = _BETWEEN
        bits[:, -1] = _BETWEEN
        return bits

    def odds_of(self, chain: int) -> Float[np.ndarray, "N_res 20"]:
        """Those of one of the chains, which must follow each other in the library."""
        number = chain - int(self.chains[0])
        ends = np.append(self.starts, len(self.odds) - 1)
        return self.odds[ends[number] + 1 : ends[number + 1]]


class ProfileProfileSearch:
    """The profiles of one library, read at the first search and kept: some 0.1 GB for the embedded one. A search holds some 65 kB a residue; it has one thread, since more only wait
    for each other between steps of some microseconds.

    Args:
        library: chains with sequences and, where known, profiles.
    """

    def __init__(self, library: ChainLibrary) -> None:
        self._library = library
        self._kept: tuple[_Columns, ...] | None = None
        self._lock = threading.Lock()

    def can_search(self, query: Query) -> bool:
        """Whether the library has enough chains to tell relatives from chance, and the query is short enough to be compared with all of them."""
        return self._library.num_chains >= MIN_CHAINS and len(query.sequence) <= MAX_QUERY

    def search(
        self,
        query: Query,
        profile: Float[np.ndarray, "N_res 20"],
        *,
        known: Sequence[LibraryHit] = (),
        exclude: Container[int] = (),
        max_e_value: float = 1e-3,
        max_hits: int = 20,
    ) -> tuple[LibraryHit, ...]:
        """Chains whose profile is like the query's, the closest first (`closest_first`).

        Args:
            profile: residue probabilities, rows summing to 1; order of `restypes`.
            known: hits of another search, which are aligned here as well; of two E-values of a chain the smaller one counts.
            exclude: numbers of chains that must not be hit. E-values are not changed by it.
            max_e_value: largest E-value of a hit, the expected number among all chains of the library.
            max_hits: keep no more than so many, those with the smallest E-values, beside the known ones.
        """
        found = self._compared(profile, exclude, max_e_value)[:max_hits] if self.can_search(query) else ()
        best = {hit.chain: (hit.e_value, hit.score) for hit in known}
        for chain, e_value, score in found:
            if chain not in best or e_value < best[chain][0]:
                best[chain] = e_value, score
        hits = {hit.chain: hit for hit in known}  # those that cannot be aligned here stay as they are
        for chain, (e_value, score) in best.items():
            hit = self._aligned(query, profile, chain, e_value, score)
            if hit is not None:
                hits[chain] = hit
        return closest_first(hits.values())

    def _compared(
        self, profile: Float[np.ndarray, "N_res 20"], exclude: Container[int], max_e_value: float
    ) -> Sequence[tuple[int, float, float]]:
        """Chains with E-value and score, the smallest E-value first."""
        forward, backward = self._ungapped(profile)
        null = np.sort(self._gapped(profile[::-1], _best(backward)))[::-1]
        line = _fitted_line(null)
        if line is None:
            return ()
        candidates = _best(forward)
        scores = self._gapped(profile, candidates)
        slope, intercept = line
        e_values = np.exp(np.maximum(intercept + slope * scores, _MIN_EXPONENT))
        order = np.argsort(-scores, kind="stable")
        compared = [(int(candidates[n]), float(e_values[n]), float(scores[n])) for n in order]
        return [one for one in compared if one[0] not in exclude and one[1] <= max_e_value]

    def _blocks(self) -> tuple[_Columns, ...]:
        """The whole library, some chains at a time."""
        with self._lock:
            if self._kept is None:
                everything = np.arange(self._library.num_chains)
                self._kept = tuple(self._in_blocks(everything, self._odds))
            return self._kept

    def _in_blocks(
        self, chains: Int[np.ndarray, "N_chain"], odds_of: Callable[[int], np.ndarray]
    ) -> Iterator[_Columns]:
        sequences = self._library.chain_sequences
        residues = np.cumsum([len(sequences[chain]) for chain in chains])
        for part in np.split(chains, np.flatnonzero(np.diff(residues // _BLOCK_RESIDUES)) + 1):
            yield _joined(part, [odds_of(int(chain)) for chain in part])

    def _stored(self, chain: int) -> Float[np.ndarray, "N_res 20"]:
        blocks = self._blocks()
        return blocks[bisect_right(blocks, chain, key=lambda block: int(block.chains[0])) - 1].odds_of(chain)

    def _odds(self, chain: int) -> Float[np.ndarray, "N_res 20"]:
        sequence, background = self._library.chain_sequences[chain], background_frequencies()
        profile = more_than_sequence(self._library.profile(chain), sequence)
        if profile is None:
            return (emissions(sequence, None) / background).astype(np.float16)
        known = profile.sum(axis=1, keepdims=True) > 0
        mixed = (1.0 - BACKGROUND) * profile + BACKGROUND * background
        return (np.where(known, mixed, background) / background).astype(np.float16)

    def _ungapped(
        self, profile: Float[np.ndarray, "N_res 20"]
    ) -> tuple[Float[np.ndarray, "N_chain"], Float[np.ndarray, "N_chain"]]:
        """The best gapless score of every chain, for the query and for the query read backwards."""
        forward: list[np.ndarray] = []
        backward: list[np.ndarray] = []
        for block in self._blocks():
            scores = block.scores(profile)
            forward.append(_best_diagonal(scores, block.starts))
            backward.append(_best_diagonal(scores[::-1], block.starts))
        return np.concatenate(forward), np.concatenate(backward)

    def _gapped(
        self, profile: Float[np.ndarray, "N_res 20"], chains: Int[np.ndarray, "N_chosen"]
    ) -> Float[np.ndarray, "N_chosen"]:
        """The best score with gaps of some chains."""
        blocks = self._in_blocks(chains, self._stored)
        return np.concatenate([_best_local(block.scores(profile), block.starts) for block in blocks])

    def _aligned(
        self, query: Query, profile: Float[np.ndarray, "N_res 20"], chain: int, e_value: float, score: float
    ) -> LibraryHit | None:
        """The hit with its alignment; None where no pair is likely enough."""
        probabilities = pair_probabilities(
            _bits(profile, self._stored(chain)), gap_open=GAP_OPEN, gap_extend=GAP_EXTEND
        )
        pairs = most_accurate_pairs(probabilities)
        if not len(pairs[0]):
            return None
        sum_probs = float(probabilities[pairs].sum())
        return library_hit(query, self._library, chain, pairs, e_value=e_value, score=score, sum_probs=sum_probs)


def _joined(chains: Int[np.ndarray, "N_chain"], odds: Sequence[Float[np.ndarray, "_ 20"]]) -> _Columns:
    empty = np.ones((1, odds[0].shape[1]), np.float16)
    starts = np.append(0, np.cumsum([len(part) + 1 for part in odds]))[:-1]
    return _Columns(
        chains=chains, starts=starts, odds=np.concatenate([rows for part in odds for rows in (empty, part)] + [empty])
    )


def _bits(
    profile: Float[np.ndarray, "N_res 20"], odds: Float[np.ndarray, "N_place 20"]
) -> Float[np.ndarray, "N_res N_place"]:
    bits = profile @ odds.astype(np.float32).T
    np.log2(bits, out=bits)
    bits -= SHIFT
    return bits


def _best(scores: Float[np.ndarray, "N_chain"]) -> Int[np.ndarray, "N_chosen"]:
    """The chains to be aligned with gaps, in the library's order."""
    return np.sort(np.argsort(-scores, kind="stable")[:NUM_GAPPED])


def _best_diagonal(
    scores: Float[np.ndarray, "N_res N_place"], starts: Int[np.ndarray, "N_chain"]
) -> Float[np.ndarray, "N_chain"]:
    """The largest sum along any piece of any diagonal of each chain."""
    num_res, num_places = scores.shape
    diagonals = np.zeros(num_res + num_places, np.float32)  # by place less residue, the running sum
    best = np.zeros(num_places, np.float32)
    for residue, row in enumerate(scores):
        here = diagonals[num_res - residue : num_res - residue + num_places]
        here += row
        np.maximum(here, 0.0, out=here)
        np.maximum(best, here, out=best)
    return np.maximum.reduceat(best, starts)


def _best_local(
    scores: Float[np.ndarray, "N_res N_place"], starts: Int[np.ndarray, "N_chain"]
) -> Float[np.ndarray, "N_chain"]:
    """The score of the best local alignment of each chain."""
    num_res, num_places = scores.shape
    between = np.append(starts, num_places - 1)
    ramp = np.zeros(num_places)
    ramp[between] = 1.0 + num_res * max(float(scores.max()), 0.0)  # lifts every chain above all gaps of those before it
    ramp = np.cumsum(ramp) + GAP_EXTEND * np.arange(num_places)
    ended, best = np.zeros(num_places), np.zeros(num_places)  # alignments that end in a place; the best so far
    skipping = np.full(num_places, _BETWEEN)  # alignments that end in residues of the query without partner
    for row in scores:
        skipping = np.maximum(skipping - GAP_EXTEND, ended - GAP_OPEN)
        paired = row.astype(np.float64)
        paired[1:] += ended[:-1]
        ended = np.maximum(np.maximum(paired, skipping), 0.0)
        gap = np.maximum.accumulate(ended + ramp) - ramp - GAP_OPEN  # in the query, going on to the next place
        ended[1:] = np.maximum(ended[1:], gap[:-1])
        ended[between] = 0.0
        np.maximum(best, ended, out=best)
    return np.maximum.reduceat(best, starts)


def _fitted_line(null: Float[np.ndarray, "N"]) -> tuple[float, float] | None:
    """Slope and intercept of the logarithm of the rank over the score of what chance gives, best first; None where there is too little of it."""
    ranks = np.arange(len(null))[NULL_RANKS]
    scores = null[NULL_RANKS]
    if len(ranks) < NULL_RANKS.stop - NULL_RANKS.start or scores.min() <= 0.0 or scores.max() - scores.min() < 1.0:
        return None
    slope, intercept = np.polyfit(scores, np.log(ranks + 1.0), 1)
    return (float(slope), float(intercept)) if slope < 0.0 else None
