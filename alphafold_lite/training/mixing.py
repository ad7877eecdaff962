"""Sets of predicted structures beside experimental ones, at a given share of the samples (supplement 1.2.4: three quarters)."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from alphafold_lite.common.errors import InputError
from alphafold_lite.training.chains import ChainSet
from alphafold_lite.training.config import TrainingConfig
from alphafold_lite.training.run_folder import Sources
from alphafold_lite.training.sampler import chain_weights

DISTILLED_SHARE = 0.75  # supplement 1.2.4
SET = "distilled.npz"  # in the output folder of `distill`


def with_distilled(
    config: TrainingConfig, sources: Sources, distilled: Sequence[str], share: float
) -> tuple[TrainingConfig, Sources]:
    """The same run that also learns from these sets. Among themselves, the sets of each kind keep the shares that they have.

    Args:
        distilled: output folders of `distill`, or packed sets with weights.
        share: of all samples, from the sets with weights.

    Raises:
        InputError: no such set, a share out of its range, or no share for each of the other sets.
    """
    if not 0 < share < 1:
        raise InputError("a --distilled-share above 0 and below 1", f"{share:g}", "correct the share")
    paths = [_set_of(path) for path in distilled]
    predicted = [ChainSet.open(path) for path in paths]
    for path, chains in zip(paths, predicted, strict=True):
        if chains[0].weights is None:
            found = f"{path} without weights"
            raise InputError("a set that distill has made (--distilled)", found, "give it as --data")
    if not config.data.shares:
        shares = _shares(sources.training_sets(), config)
    elif len(config.data.shares) != len(sources.data):
        expected = f"a share for each of {len(sources.data)} data files in data.shares"
        raise InputError(expected, str(config.data.shares), "correct the shares")
    else:
        shares = [own / sum(config.data.shares) for own in config.data.shares]
    mixed = [(1 - share) * own for own in shares] + [share * own for own in _shares(predicted, config)]
    return (
        replace(config, data=replace(config.data, shares=tuple(mixed))),
        replace(sources, data=(*sources.data, *map(str, paths))),
    )


def _set_of(path: str) -> Path:
    """The packed set that a folder or a file means."""
    given = Path(path)
    found = given / SET if given.is_dir() else given
    if not found.is_file():
        raise InputError("the output folder of distill (--distilled)", f"no {found}", "correct the path")
    return found


def _shares(sets: Sequence[ChainSet], config: TrainingConfig) -> list[float]:
    """How often each of several sets in one pool is drawn from."""
    totals = [float(chain_weights(chains, config.data).sum()) for chains in sets]
    if not sum(totals) > 0:
        raise InputError(f"chains of at least {config.data.min_length} residues", "none", "give other data")
    return [total / sum(totals) for total in totals]
