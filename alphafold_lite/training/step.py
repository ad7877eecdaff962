"""One training step (Alg. 31): passes without gradients, one with them, losses, clipped gradients, summed over micro-batches and processes.

This is the only place in training where autocast is entered; losses and coordinates are float32 at least.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from alphafold_lite.model.alphafold import AlphaFold, Prediction
from alphafold_lite.training import msa_alone, packing_alone
from alphafold_lite.training.config import StepConfig, TrainingConfig
from alphafold_lite.training.dataset import MicroBatch
from alphafold_lite.training.distributed import World
from alphafold_lite.training.flat import FlatParameters, clip_factor
from alphafold_lite.training.losses import Losses, compute_losses
from alphafold_lite.training.losses.config import LossConfig
from alphafold_lite.training.randomness import seed_torch

LOSS, NORM = "loss", "gradient_norm"
NAMES_SHOWN = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a step found, the same in every process. With `problems` the gradient must not be used.

    Attributes:
        means: by name, over the samples of the step: the loss, its unweighted terms, the norm of the gradient before clipping.
        problems: one line for each sample whose loss or gradient is not finite.
    """

    means: dict[str, float]
    problems: tuple[str, ...]


def precision_context(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """bfloat16 autocast, or nothing."""
    if precision == "bf16":
        return torch.autocast(device_type=device.type, dtype=torch.bfloat16)
    return nullcontext()


def predict(model: AlphaFold, batch: MicroBatch, precision: str) -> Prediction:
    """Recycle without gradients, then make the last pass with them (Alg. 31, lines 3-9)."""
    device, previous = batch.clamped.device, None
    with torch.no_grad():
        for inputs in batch.passes[:-1]:
            with precision_context(device, precision):
                previous = model(inputs, previous).recycled
    with precision_context(device, precision):
        return model(batch.passes[-1], previous)


def losses_of(model: AlphaFold, batch: MicroBatch, step: StepConfig, loss: LossConfig) -> Losses:
    """Passes and losses of one micro-batch."""
    if step.msa_alone:
        with precision_context(batch.clamped.device, step.precision):
            logits = msa_alone.backbone_angles(model, batch.passes[-1])
        return msa_alone.losses(logits, batch.targets, loss)
    if step.types_alone:
        with precision_context(batch.clamped.device, step.precision):
            logits, hidden = packing_alone.recover_types(model, batch.targets)
        return packing_alone.type_losses(logits, hidden, batch.targets, loss)
    if step.packing_alone:
        with precision_context(batch.clamped.device, step.precision):
            sidechains = packing_alone.pack_truth(model, batch.targets)
        return packing_alone.losses(sidechains, batch.targets, loss)
    prediction = predict(model, batch, step.precision)
    return compute_losses(prediction, batch.passes[-1], batch.truth, batch.targets, loss, clamped=batch.clamped)


class GradientSum:
    """The mean gradient of a step, built up sample by sample into `flat.gradient`."""

    def __init__(self, model: AlphaFold, flat: FlatParameters, world: World) -> None:
        self.model, self.flat, self.world = model, flat, world

    def compute(self, config: TrainingConfig, step: int, batches: Iterable[tuple[int, MicroBatch]]) -> Outcome:
        """Run this process's numbered micro-batches of a step and join the other processes."""
        by_example = config.step.clip == "example"
        self.flat.zero_gradient()
        total = torch.zeros_like(self.flat.gradient) if by_example else None
        sums: dict[str, Tensor] = {}
        problems: list[str] = []
        for number, whole in batches:
            for place, batch in _pieces(whole, single=by_example):
                seed_torch(config.run.seed, step, number, place)
                losses = losses_of(self.model, batch, config.step, config.loss)
                _count(sums, {LOSS: losses.total, **losses.terms})
                norm, problem = self._backward(losses, batch, total, config.step)
                if problem:
                    problems.append(problem)
                elif by_example:
                    _count(sums, {NORM: norm})
        if total is not None:
            self.flat.gradient.copy_(total)
        return self._join(config, sums, problems)

    def _backward(
        self, losses: Losses, batch: MicroBatch, total: Tensor | None, step: StepConfig
    ) -> tuple[Tensor, str]:
        """Add the gradient of these losses; returns its norm before clipping, and what was not finite."""
        if not bool(torch.isfinite(losses.total).all()):
            return losses.total.detach(), _bad_losses(losses, batch)
        if total is not None:
            self.flat.zero_gradient()
        losses.total.sum().backward()
        norm = torch.linalg.vector_norm(self.flat.gradient)
        if not bool(torch.isfinite(norm)):
            names = self.flat.culprits(self.flat.gradient)
            self.flat.zero_gradient()
            return norm, f"{', '.join(batch.names)}: gradient of {_some(names)}, loss {_values(losses)}"
        if total is not None:
            total.add_(self.flat.gradient * clip_factor(norm, step.clip_norm))
        return norm, ""

    def _join(self, config: TrainingConfig, sums: dict[str, Tensor], problems: list[str]) -> Outcome:
        size = config.step.batch_size
        names = sorted(sums)
        report = torch.stack([sums[name].double() for name in names] + [_as_number(len(problems), self.world)])
        self.world.add(report)
        values = (report[:-1] / size).tolist()
        means = dict(zip(names, values, strict=True))
        if report[-1] > 0:
            everyone = [line for text in self.world.gather("\n".join(problems)) for line in text.split("\n") if line]
            return Outcome(means=means, problems=tuple(everyone))
        self.world.add(self.flat.gradient)
        self.flat.gradient.div_(size)
        if config.step.clip == "step":
            norm = torch.linalg.vector_norm(self.flat.gradient)
            self.flat.gradient.mul_(clip_factor(norm, config.step.clip_norm))
            means[NORM] = float(norm)
        return Outcome(means=means, problems=())


def _pieces(batch: MicroBatch, *, single: bool) -> Iterator[tuple[int, MicroBatch]]:
    if not single:
        yield 0, batch
        return
    for place in range(len(batch.names)):
        yield place, batch.single(place)


def _count(sums: dict[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Add up over samples."""
    for name, numbers in values.items():
        value = numbers.detach().sum()
        sums[name] = sums[name] + value if name in sums else value


def _bad_losses(losses: Losses, batch: MicroBatch) -> str:
    lines: list[str] = []
    for place, name in enumerate(batch.names):
        if not bool(torch.isfinite(losses.total[place])):
            terms = [term for term, values in losses.terms.items() if not bool(torch.isfinite(values[place]))]
            lines.append(f"{name}: loss {_some(terms or [LOSS])}")
    return "; ".join(lines)


def _values(losses: Losses) -> str:
    return ", ".join(f"{value:.4g}" for value in losses.total.tolist())


def _some(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN])
    return shown if len(names) <= NAMES_SHOWN else f"{shown} and {len(names) - NAMES_SHOWN} more"


def _as_number(value: int, world: World) -> Tensor:
    return torch.tensor(float(value), dtype=torch.float64, device=world.device)
