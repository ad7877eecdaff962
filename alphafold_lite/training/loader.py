"""Micro-batches in order, made here or in worker processes ahead of need; which they are depends on the configuration alone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader, Dataset

from alphafold_lite.training.chains import ChainSet
from alphafold_lite.training.config import DataConfig, TrainingConfig, at_step, samples_before
from alphafold_lite.training.dataset import MicroBatch, collate, is_deep, make_example, num_passes
from alphafold_lite.training.randomness import Purpose, generator
from alphafold_lite.training.sampler import Sampler, build_sampler

PREFETCH = 4  # micro-batches a worker has ready


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a micro-batch stands in a run."""

    step: int
    number: int  # within the step, over all processes
    first_sample: int


def places_of_step(config: TrainingConfig, step: int, *, rank: int = 0, world: int = 1) -> tuple[Place, ...]:
    """The micro-batches of a step that process `rank` of `world` computes."""
    now = at_step(config, step).step
    start = samples_before(config, step)
    count = now.batch_size // now.micro_batch
    return tuple(
        Place(step=step, number=number, first_sample=start + number * now.micro_batch)
        for number in range(rank, count, world)
    )


class MicroBatches(Dataset[MicroBatch]):
    """Micro-batches by place. Every sample is a function of the seed and its number."""

    def __init__(self, config: TrainingConfig, sets: Sequence[ChainSet]) -> None:
        self.config, self.sets = config, tuple(sets)
        self._samplers: dict[DataConfig, Sampler] = {}
        self.sampler(config.data)  # data that cannot be used is an error now, not in a worker

    def __getitem__(self, place: Place) -> MicroBatch:
        now = at_step(self.config, place.step)
        seed, passes = now.run.seed, num_passes(now, place.step)
        deep = is_deep(now, place.first_sample)
        sampler = self.sampler(now.data)
        numbers = range(place.first_sample, place.first_sample + now.step.micro_batch)
        examples = [
            make_example(
                sampler.pick(seed, number), now, generator(seed, Purpose.EXAMPLE, number), passes=passes, deep=deep
            )
            for number in numbers
        ]
        return collate(examples, num_templates=template_places(now))

    def sampler(self, data: DataConfig) -> Sampler:
        """The weighted chains for the data settings of a stage."""
        if data not in self._samplers:
            self._samplers[data] = build_sampler(self.sets, data)
        return self._samplers[data]


def template_places(config: TrainingConfig) -> int:
    """How many template places every batch of a configuration has."""
    template = config.model.template
    return 0 if template is None else min(config.data.templates.max_templates, template.max_templates)


def load(dataset: MicroBatches, places: Iterable[Place], *, workers: int, device: torch.device) -> Iterator[MicroBatch]:
    """The micro-batches of these places, in their order."""
    if workers == 0:
        return (dataset[place] for place in places)
    loader = DataLoader(
        dataset,
        sampler=places,  # pyright: ignore[reportArgumentType] - any iterable of keys
        batch_size=None,
        num_workers=workers,
        prefetch_factor=PREFETCH,
        pin_memory=device.type == "cuda",
        collate_fn=_as_it_is,  # pyright: ignore[reportArgumentType] - without batch_size it gets one item
    )
    return iter(loader)


def _as_it_is(batch: MicroBatch) -> MicroBatch:
    return batch
