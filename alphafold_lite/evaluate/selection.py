"""Which chains of a set are evaluated."""

import numpy as np

from alphafold_lite.common.errors import InputError
from alphafold_lite.evaluate.settings import EvaluationSettings
from alphafold_lite.training.chains import ChainSet
from alphafold_lite.training.run_folder import read_names


def chosen(chains: ChainSet, settings: EvaluationSettings) -> ChainSet:
    """All chains, those that a file names, or `limit` of them drawn with the seed; a larger limit adds chains to those of a smaller one.

    Raises:
        InputError: none of the names is in the set.
    """
    if settings.only is not None:
        names = read_names(settings.only)
        chains = chains.select([number for number, name in enumerate(chains.ids) if name in names])
        if not len(chains):
            raise InputError(f"names of chains of {settings.dataset}", f"none in {settings.only}", "check the file")
    if settings.limit is None or settings.limit >= len(chains):
        return chains
    order = np.random.default_rng(settings.prediction.seed).permutation(len(chains))
    return chains.select(np.sort(order[: settings.limit]))
