"""What a target may give up when memory runs out, one rung after another."""

import copy
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from alphafold_lite.predict.device import Placement
from alphafold_lite.predict.predictor import LoadedModel, Predictor


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """A lighter way to fold; a rung keeps what those before it gave up."""

    name: str
    precision: str | None = None
    max_clusters: int | None = None
    max_extra: int | None = None
    device: str | None = None


def rungs(predictor: Predictor) -> tuple[Rung, ...]:
    """Rung 0 is as asked; bfloat16 and the CPU only where precision and device were left open."""
    placement, settings = predictor.placement, predictor.settings
    ladder = [Rung(name="as asked")]
    precision = None
    if placement.precision == "fp32" and settings.precision == "auto" and placement.device.type != "mps":
        precision = "bf16"
        ladder.append(Rung(name="bf16", precision=precision))
    clusters, extra = 128, 256
    for clusters, extra in ((128, 256), (16, 32)):
        name = f"MSA of {clusters} + {extra} rows"
        ladder.append(Rung(name=name, precision=precision, max_clusters=clusters, max_extra=extra))
    if placement.device.type != "cpu" and settings.device == "auto":
        ladder.append(Rung(name="CPU", max_clusters=clusters, max_extra=extra, device="cpu"))
    return tuple(ladder)


@contextmanager
def lightened(predictor: Predictor, rung: Rung) -> Generator[Predictor]:
    """The predictor as the rung has it; parameters are shared, and are back on their device when the context ends."""
    lighter = copy.copy(predictor)
    lighter.models = tuple(_lighter(model, rung) for model in predictor.models)
    home, lighter.placement = predictor.placement.device, _placement(predictor.placement, rung)
    device = lighter.placement.device
    moved = device != home
    try:
        if moved:
            _move(predictor, device)
        yield lighter
    finally:
        if moved:
            _move(predictor, home)


def max_residues(predictor: Predictor, ladder: Sequence[Rung]) -> int | None:
    """The longest chain that can be folded on any of the rungs, whatever its alignment; None where the system does not tell what is free."""
    configs = [model.network.config for model in predictor.models]
    places = {_placement(predictor.placement, rung) for rung in ladder}
    found = [predictor.costs.max_residues(configs, place) for place in places]
    known = [length for length in found if length is not None]
    return max(known) if len(known) == len(found) else None


def _placement(home: Placement, rung: Rung) -> Placement:
    device = torch.device(rung.device) if rung.device is not None else home.device
    precision = "fp32" if device.type == "cpu" and home.device.type != "cpu" else home.precision
    return Placement(device=device, precision="bf16" if rung.precision == "bf16" else precision)


def _lighter(model: LoadedModel, rung: Rung) -> LoadedModel:
    sampling = model.sampling
    return replace(
        model,
        sampling=replace(
            sampling,
            max_clusters=min(sampling.max_clusters, rung.max_clusters or sampling.max_clusters),
            max_extra=min(sampling.max_extra, rung.max_extra or sampling.max_extra),
        ),
    )


def _move(predictor: Predictor, device: torch.device) -> None:
    for model in predictor.models:
        model.network.to(device)
