"""Several short targets in the same passes of the network, each with the random draws that it has alone."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from alphafold_lite.common.features import Features
from alphafold_lite.inference.group import fold_group
from alphafold_lite.predict.costs import load_of
from alphafold_lite.predict.device import check_fits, is_out_of_memory, out_of_memory
from alphafold_lite.predict.predictor import LoadedModel, Predictor
from alphafold_lite.predict.result import FoldResult, to_result


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldedTogether:
    """One target's results of a group, handed out where a `Predictor` would fold.

    Args:
        size: targets in the group.
        seconds: this one's share of each run.
    """

    size: int
    results: tuple[tuple[LoadedModel, FoldResult], ...]
    seconds: tuple[float, ...]

    def runs(self) -> Iterator[tuple[LoadedModel, int]]:
        """Every model with every number N of `pred_N`."""
        return ((model, result.number) for model, result in self.results)

    def run(self, features: Features, model: LoadedModel, number: int) -> FoldResult:
        """The result of one model and seed."""
        return next(result for known, result in self.results if known is model and result.number == number)


def fold_together(predictor: Predictor, features: Sequence[Features]) -> tuple[FoldedTogether, ...]:
    """Every model and seed of several targets, unrelaxed; equal to folding each alone within the tolerance of the precision.

    Raises:
        DoesNotFitError: the memory is not enough for all of them at once.
    """
    _check_memory(predictor, features)
    results: list[list[tuple[LoadedModel, FoldResult]]] = [[] for _ in features]
    shares: list[float] = []
    for model, number in predictor.runs():
        started = time.monotonic()
        for mine, result in zip(results, run_together(predictor, features, model, number), strict=True):
            mine.append((model, result))
        shares.append((time.monotonic() - started) / len(features))
    return tuple(FoldedTogether(size=len(features), results=tuple(mine), seconds=tuple(shares)) for mine in results)


def run_together(
    predictor: Predictor, features: Sequence[Features], model: LoadedModel, number: int
) -> tuple[FoldResult, ...]:
    """As `Predictor.run` for each of several targets; errors as `fold_together`."""
    settings, seed = predictor.settings, predictor.settings.seed + number
    try:
        folded = fold_group(
            model.network,
            [partial(predictor.draw, of_one, model, seed) for of_one in features],
            num_recycles=settings.num_recycles,
            tolerance=settings.recycle_tolerance,
            precision=predictor.placement.precision,
        )
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            longest = max(len(of_one.sequence) for of_one in features)
            raise out_of_memory(predictor.placement.device, num_res=longest) from error
        raise
    return tuple(
        to_result(one, of_one, source=model.source, number=number, seed=seed, band=settings.distogram_band)
        for one, of_one in zip(folded, features, strict=True)
    )


def _check_memory(predictor: Predictor, features: Sequence[Features]) -> None:
    """Refuse a group that cannot fit: as many runs of the largest size at once."""
    num_res, rows = max(len(one.sequence) for one in features), max(len(one.msa) for one in features)
    templates = any(one.templates is not None for one in features)
    peaks = [
        predictor.costs.bytes_beyond(
            model.network.config,
            predictor.placement,
            load_of(model.sampling, num_res=num_res, rows=rows, templates=templates),
        )
        for model in predictor.models
    ]
    check_fits(len(features) * max(peaks), predictor.placement.device, num_res=num_res)
