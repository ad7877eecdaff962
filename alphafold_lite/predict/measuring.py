"""Measures what runs take on this device: the real path with synthetic inputs of a handful of sizes, as many as a time limit allows."""

import copy
import logging
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from alphafold_lite.common.errors import InputError
from alphafold_lite.common.features import Features, TemplateFeatures
from alphafold_lite.common.residue_constants import restypes
from alphafold_lite.outputs.files import RUN_FILE, write_atomic
from alphafold_lite.outputs.scores import to_json
from alphafold_lite.predict.calibration import Calibration, Circumstances, store, stored
from alphafold_lite.predict.device import DoesNotFitError, free_bytes, peak_bytes
from alphafold_lite.predict.folder import TargetFolder
from alphafold_lite.predict.forecast import CostModel, Load, Point
from alphafold_lite.predict.memory import give_back, peak, reset_peak
from alphafold_lite.predict.predictor import LoadedModel, Predictor
from alphafold_lite.predict.progress import Silent
from data_pipeline.msa import Msa
from data_pipeline.pipeline import assemble_features
from data_pipeline.sampling import SamplingConfig

log = logging.getLogger("alphafold_lite")
SECONDS = 60.0  # for one network, about
LENGTHS = (32, 64, 96, 128, 192, 256, 384, 512)
TWO_PASSES = (64, 128, 256)  # lengths that are also run with one recycle
FEW_CLUSTERS, SOME_CLUSTERS, SOME_EXTRA = 16, 64, 256
ALWAYS = 64  # residues up to which a query without relatives is measured whatever it takes
SHARE = 0.3  # of the time left that one more size may be expected to take
ROOM = 0.5  # of the free memory that it may be expected to need
REPEATED_BELOW = 1.0  # seconds; shorter runs are done again and the quickest counts
REPEATS = 3
NOTICEABLE = 2**20  # bytes by which a run must exceed what was held before for its peak to be its own
_WARM_UP = Load(num_res=16)


def calibrate(predictor: Predictor, *, again: bool = False, seconds: float = SECONDS) -> None:
    """See to it that each of the networks has been measured on this device; `predictor` knows the results from then on.

    Args:
        again: measure what has been measured before.
        seconds: for each network, about.
    """
    done: set[Circumstances] = set()
    for model in predictor.models:
        circumstances = Circumstances.of(model.network.config, predictor.placement)
        if circumstances in done:
            continue
        done.add(circumstances)
        calibration = None if again else stored(circumstances)
        if calibration is None:
            log.info("measuring %s on %s, about %.0f seconds at most", model.source.name, circumstances.device, seconds)
            calibration = measure(predictor, model, seconds=seconds)
            _keep(circumstances, calibration)
        predictor.costs.put(model.network.config, predictor.placement, calibration.cost_model())


def measure(predictor: Predictor, model: LoadedModel, *, seconds: float = SECONDS) -> Calibration:
    """Run sizes of growing cost until the time is up.

    Raises:
        TargetError: not even the smallest fits in memory.
    """
    device, end = predictor.placement.device, time.monotonic() + seconds
    points: list[Point] = []
    with tempfile.TemporaryDirectory(prefix="alphafold-lite-") as scratch:
        write_atomic(Path(scratch) / RUN_FILE, to_json({"note": None}))
        folder = TargetFolder.reopened(Path(scratch))
        run_once(predictor, model, _WARM_UP, folder)
        give_back()
        reset_peak(device)
        base = peak(device)
        for load in loads(model.sampling):
            is_least = load == Load(num_res=load.num_res) and load.num_res <= ALWAYS
            if not (
                is_least
                or _is_quick(load, points, end - time.monotonic())
                and _has_room(load, points, base, model, device)
            ):
                continue
            if load == Load(num_res=load.num_res):
                log.info("measuring runs of %d residues", load.num_res)
            try:
                points.append(_measured(predictor, model, load, folder))
            except DoesNotFitError:
                if not points:
                    raise
                break
    return Calibration(points=tuple(points), base_bytes=base)


def loads(sampling: SamplingConfig) -> Iterator[Load]:
    """The sizes to measure, by length: the query alone, with templates, with clusters, with extra rows, with all that the network reads."""
    clusters, extra = sampling.num_centres, sampling.max_extra
    some_clusters, few = min(clusters, SOME_CLUSTERS), min(clusters, FEW_CLUSTERS)
    for length in LENGTHS:
        alone = Load(num_res=length)
        yield alone
        if length in TWO_PASSES:
            yield replace(alone, passes=2)
        if sampling.max_templates:
            with_templates = replace(alone, num_templates=sampling.max_templates)
            yield with_templates
            if length in TWO_PASSES:
                yield replace(with_templates, passes=2)
        if clusters > 1:
            yield replace(alone, num_clusters=some_clusters)
        if extra:
            yield replace(alone, num_clusters=few, num_extra=min(extra, SOME_EXTRA))
        if clusters > some_clusters or extra > SOME_EXTRA:
            yield replace(alone, num_clusters=clusters, num_extra=extra)


def run_once(predictor: Predictor, model: LoadedModel, load: Load, folder: TargetFolder) -> float:
    """Seconds of one run of a size, its files included."""
    features, runner = synthetic_features(load), copy.copy(predictor)
    runner.settings = replace(predictor.settings, num_recycles=load.passes - 1, recycle_tolerance=0.0)
    runner.progress = Silent()
    sampling = replace(
        model.sampling, max_clusters=load.num_clusters, max_extra=load.num_extra, templates_take_clusters=False
    )
    limited = replace(model, sampling=sampling)
    started = time.perf_counter()
    folder.write_unrelaxed(runner.run(features, limited, 0))
    return time.perf_counter() - started


def synthetic_features(load: Load) -> Features:
    """A random chain with as many unrelated rows and templates as asked for."""
    rng, n, rows = np.random.default_rng(load.num_res), load.num_res, load.num_clusters + load.num_extra
    letters = rng.integers(0, len(restypes), (rows, n)).astype(np.int32)
    msa = Msa(letters=letters, deletion_matrix=np.zeros_like(letters), descriptions=("synthetic",) * rows)
    features = assemble_features("".join(restypes[letter] for letter in letters[0]), msa, name="synthetic")
    if not load.num_templates:
        return features
    count = load.num_templates
    atoms = rng.normal(scale=20.0, size=(count, n, 37, 3)).astype(np.float32)
    templates = TemplateFeatures(
        names=tuple(f"synthetic_{number}" for number in range(count)),
        aatype=np.repeat(letters[:1], count, axis=0),
        atom_positions=atoms,
        atom_mask=np.ones(atoms.shape[:-1], np.float32),
        sum_probs=np.ones(count, np.float32),
        e_value=np.full(count, 1e-9, np.float32),
        identity=np.ones(count, np.float32),
        coverage=np.ones(count, np.float32),
    )
    return replace(features, templates=templates)


def _is_quick(load: Load, points: list[Point], left: float) -> bool:
    """Whether a size takes a small part of the seconds left, by all points and by those of its own kind, whose time grows at least as the pairs do."""
    alike = [point for point in points if replace(point.load, num_res=load.num_res) == load]
    expected = [CostModel.fit(points, base_bytes=0).seconds(load)]
    expected += [point.seconds * (load.num_res / point.load.num_res) ** 2 for point in alike]
    return max(expected) < SHARE * left


def _has_room(load: Load, points: list[Point], base: int, model: LoadedModel, device: torch.device) -> bool:
    """Whether a size needs a small part of the free memory, by the points and by the rough rule."""
    free = free_bytes(device)
    if free is None:
        return True
    rule = peak_bytes(
        model.network.config, num_res=load.num_res, num_clusters=load.num_clusters, num_extra=load.num_extra
    )
    fitted = CostModel.fit(points, base_bytes=base).bytes_beyond(load)
    return max(rule, fitted) < ROOM * free


def _measured(predictor: Predictor, model: LoadedModel, load: Load, folder: TargetFolder) -> Point:
    device = predictor.placement.device
    give_back()
    reset_peak(device)
    held = peak(device)
    seconds = run_once(predictor, model, load, folder)
    highest = peak(device)
    if seconds < REPEATED_BELOW:
        seconds = min([seconds, *(run_once(predictor, model, load, folder) for _ in range(REPEATS - 1))])
    return Point(load=load, seconds=seconds, peak_bytes=highest if highest > held + NOTICEABLE else None)


def _keep(circumstances: Circumstances, calibration: Calibration) -> None:
    try:
        store(circumstances, calibration)
    except InputError as error:
        log.warning("what was measured is not kept: %s", error)
