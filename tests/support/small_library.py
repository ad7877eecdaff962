"""A packed library of a few made-up chains, and queries that are related to them."""

import numpy as np

from alphafold_lite.common.residue_constants import restypes
from data_pipeline.config import SearchConfig
from data_pipeline.library.packing import write_library
from tests.support.synthetic_backbones import contents, sequence

LENGTHS = (60, 45, 70)
NAMES = ("1AAA_A", "1AAA_B", "1AAA_C")


def write_small_library(folder):
    """Chains of LENGTHS without profiles; their sequences are `chain_sequence(number)`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_library(contents(LENGTHS, profiles=False, breaks=()), folder)
    return folder


def chain_sequence(number):
    return sequence(number, LENGTHS[number])


def relative(number, share=0.3, seed=0):
    """The sequence of a chain with a share of its residues drawn anew."""
    rng = np.random.default_rng(seed)
    letters = np.array(list(chain_sequence(number)))
    changed = rng.random(len(letters)) < share
    letters[changed] = rng.choice(restypes, int(changed.sum()))
    return "".join(letters)


def search_config(folder, **more):
    """Searches of that library alone, nothing cached."""
    return SearchConfig(library=folder, use_cache=False, threads=1, **more)
