"""Micro-batches in order, made here or in worker processes ahead of need; which they are depends on the configuration alone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader, Dataset

from alphafold_lite.training.chains import ChainSet
from alphafold_lite.training.config import DataConfig, TrainingConfig, at_step, samples_before
from alphafold_lite.training.dataset import MicroBatch, collate, make_example
from alphafold_lite.training.homologues import Homologues
from alphafold_lite.training.plan import plan
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

    def __init__(self, config: TrainingConfig, sets: Sequence[ChainSet], homologues: Homologues | None = None) -> None:
        self.config, self.sets, self.homologues = config, tuple(sets), homologues
        self._samplers: dict[DataConfig, Sampler] = {}
        self.sampler(config.data)  # data that cannot be used is an error now, not in a worker

    def __getitem__(self, place: Place) -> MicroBatch:
        now = at_step(self.config, place.step)
        seed, sampler = now.run.seed, self.sampler(now.data)
        shared = plan(now, place.step, place.first_sample)
        numbers = range(place.first_sample, place.first_sample + now.step.micro_batch)
        return collate(
            [
                make_example(
                    sampler.pick(seed, number),
                    now,
                    shared,
                    generator(seed, Purpose.EXAMPLE, number),
                    homologues=self.homologues,
                )
                for number in numbers
            ]
        )

    def sampler(self, data: DataConfig) -> Sampler:
        """The weighted chains for the data settings of a stage."""
        if data not in self._samplers:
            self._samplers[data] = build_sampler(self.sets, data)
        return self._samplers[data]


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
