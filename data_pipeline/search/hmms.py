"""Profile HMMs of library chains, written straight into HMMER's model from stored profiles (no multiple alignment, no calibration run).

A chain's stored frequencies are mixed with a BLOSUM62 pseudocount, gaps cost what they cost in phmmer, and the parameters of the score distributions come from
a fit on the logarithm of the model's length (made on library chains; reversed queries show E-values on the safe side).
"""

import math
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float
from pyhmmer.easel import Alphabet, TextSequence
from pyhmmer.plan7 import HMM, Background, Builder, OptimizedProfile, Profile

from alphafold_lite.common.residue_constants import restype_order, restypes

PSEUDOCOUNT = 0.35  # share of the substitution matrix in an emission
_GAP_OPEN, _GAP_EXTEND = 0.02, 0.4  # phmmer's defaults (HMMER user guide, phmmer --popen, --pextend)
_LAMBDA = math.log(2.0)  # slope of all three score distributions, per bit
# Location = intercept + slope ln(length): Gumbel of MSV and Viterbi scores, exponential tail of Forward scores.
_FITTED_LOCATIONS = ((-2.420, -1.512), (-2.572, -1.538), (-0.306, -0.898))
# From a match to match, insertion, deletion; from an insertion to match, insertion; from a deletion to match, deletion.
_WITHIN = np.array([1 - 2 * _GAP_OPEN, _GAP_OPEN, _GAP_OPEN, *(1 - _GAP_EXTEND, _GAP_EXTEND) * 2], np.float32)
_AT_END = np.array([1 - _GAP_OPEN, _GAP_OPEN, 0, 1 - _GAP_EXTEND, _GAP_EXTEND, 1, 0], np.float32)
_NO_DELETION = (1.0, 0.0)  # before the first position
_CONFIGURED_LENGTH = 400  # of a target; every scan sets its own

AMINO: Alphabet = Alphabet.amino()
_EASEL_LETTERS = AMINO.symbols[: AMINO.K]
_TO_EASEL = np.array([restype_order[letter] for letter in _EASEL_LETTERS])  # our column for each of Easel's
_FROM_EASEL = np.argsort(_TO_EASEL)
_ONE_HOT = np.zeros((128, len(restypes)), np.float32)
for _letter, _number in restype_order.items():
    _ONE_HOT[ord(_letter), _number] = 1.0


@cache
def background_frequencies() -> Float[np.ndarray, "20"]:
    """HMMER's residue frequencies, in the order of `residue_constants.restypes`."""
    return _constant(np.asarray(Background(AMINO).residue_frequencies)[_FROM_EASEL])


@cache
def substitution_probabilities() -> Float[np.ndarray, "20 20"]:
    """Probability of each residue (column) given another (row) under BLOSUM62, as phmmer's single-sequence model has it; order of `restypes`."""
    every_residue = TextSequence(name="letters", sequence="".join(restypes)).digitize(AMINO)
    model: Any = Builder(AMINO).build(every_residue, Background(AMINO))[0]
    return _constant(np.asarray(model.match_emissions)[1:, _FROM_EASEL])


@cache
def _mixing() -> Float[np.ndarray, "20 20"]:
    mixing = (1.0 - PSEUDOCOUNT) * np.eye(len(restypes)) + PSEUDOCOUNT * substitution_probabilities()
    return _constant(mixing)


def _constant(array: np.ndarray) -> Float[np.ndarray, "*any"]:
    kept = array.astype(np.float32)
    kept.flags.writeable = False
    return kept


def emissions(sequence: str, profile: Float[np.ndarray, "N_res 20"] | None) -> Float[np.ndarray, "N_res 20"]:
    """Residue probabilities of each position, in the order of `restypes`.

    With a profile: frequencies and 35 % pseudocount. Without one, or where it says no more than the sequence: phmmer's probabilities for the residue. A position
    without any residue (X) emits the background.
    """
    stored = more_than_sequence(profile, sequence)
    mixed = one_hot(sequence) @ substitution_probabilities() if stored is None else stored @ _mixing()
    total = mixed.sum(axis=1, keepdims=True)
    if total.min(initial=1.0) <= 0.0:
        is_empty = total[:, 0] <= 0.0
        mixed[is_empty], total[is_empty] = background_frequencies(), 1.0
    return (mixed / total).astype(np.float32)


def more_than_sequence(
    profile: Float[np.ndarray, "N_res 20"] | None, sequence: str
) -> Float[np.ndarray, "N_res 20"] | None:
    """The profile where it says more than the sequence, else None."""
    return None if profile is None or np.array_equal(profile, one_hot(sequence)) else profile


def one_hot(sequence: str) -> Float[np.ndarray, "N_res 20"]:
    """1 for the residue of each position, all 0 for X; order of `restypes`."""
    return _ONE_HOT[np.frombuffer(sequence.encode("ascii"), np.uint8)]


def build_hmm(name: str, probabilities: Float[np.ndarray, "N_res 20"]) -> "HMM[Alphabet]":
    """One model with a match state for each position.

    Args:
        name: the model's name, unique in its library.
        probabilities: of residues, order of `restypes`, rows sum to 1.
    """
    length = len(probabilities)
    model: Any = HMM(AMINO, length, name)
    np.asarray(model.match_emissions)[1:] = probabilities[:, _TO_EASEL]
    np.asarray(model.insert_emissions)[:] = background_frequencies()[_TO_EASEL]
    transitions = np.asarray(model.transition_probabilities)
    transitions[:] = _WITHIN
    transitions[0, 5:] = _NO_DELETION
    transitions[-1] = _AT_END
    locations = [intercept + slope * math.log(length) for intercept, slope in _FITTED_LOCATIONS]
    np.asarray(model.evalue_parameters.as_vector())[:] = [number for mu in locations for number in (mu, _LAMBDA)]
    model.set_consensus(None)
    model.set_composition()
    return model


def optimized(models: "Iterable[HMM[Alphabet]]", longest: int) -> "Iterator[OptimizedProfile[Alphabet]]":
    """The models as HMMER's filters and its Forward algorithm read them (local, several domains).

    Args:
        longest: positions of the longest model.
    """
    background, profile = Background(AMINO), Profile(longest, AMINO)
    for model in models:
        profile.configure(model, background, _CONFIGURED_LENGTH)
        yield profile.to_optimized()
