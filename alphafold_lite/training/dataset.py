"""Samples by number: chain, crop, one input a pass, template, targets; several of equal length make the batch of one forward pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from alphafold_lite.common.features import SampledFeatures, TemplateFeatures
from alphafold_lite.model.batch import Batch, map_tensors
from alphafold_lite.training.chains import Chain
from alphafold_lite.training.config import DataConfig, TrainingConfig
from alphafold_lite.training.corruption import corrupt
from alphafold_lite.training.crops import Crop, random_crop
from alphafold_lite.training.inputs import Kind, choose_kind, draw_inputs, pad
from alphafold_lite.training.losses import MsaTruth
from alphafold_lite.training.randomness import Purpose, generator
from alphafold_lite.training.targets import Targets, make_targets

T = TypeVar("T")
UNKNOWN_RESOLUTION = 0.0  # Å, as AlphaFold has it for NMR structures


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One sample as NumPy arrays, padded to the common size. Coordinates in Å."""

    name: str
    draws: tuple[SampledFeatures, ...]  # a pass
    positions: Float[np.ndarray, "N_res 37 3"]
    mask: Float[np.ndarray, "N_res 37"]
    resolution: float
    clamped: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class MicroBatch:
    """What one forward pass, with its recycles, and its losses read; a leading dimension for the samples."""

    names: tuple[str, ...]
    passes: tuple[Batch, ...]
    truth: MsaTruth  # of the last pass
    targets: Targets
    clamped: Float[Tensor, "batch"]  # 1 where the backbone FAPE is clamped

    def map(self, fn: Callable[[Tensor], Tensor]) -> "MicroBatch":
        """Apply `fn` to every tensor."""
        return MicroBatch(
            names=self.names,
            passes=tuple(batch.map(fn) for batch in self.passes),
            truth=map_tensors(self.truth, fn),
            targets=map_tensors(self.targets, fn),
            clamped=fn(self.clamped),
        )

    def pin_memory(self) -> "MicroBatch":
        """In page-locked memory, from which a GPU copies faster; called by PyTorch's data loader."""
        return self.map(lambda t: t.pin_memory())

    def single(self, place: int) -> "MicroBatch":
        """One sample, with a leading dimension of 1."""
        return replace(self.map(lambda t: t[place : place + 1]), names=self.names[place : place + 1])


def num_passes(config: TrainingConfig, step: int) -> int:
    """Passes of all samples of a step: uniformly 1 to `max_recycles` + 1 (Alg. 31, line 2)."""
    return 1 + int(generator(config.run.seed, Purpose.RECYCLES, step).integers(0, config.step.max_recycles + 1))


def is_deep(config: TrainingConfig, first_sample: int) -> bool:
    """Whether the forward pass that begins with this sample reads several rows."""
    return bool(generator(config.run.seed, Purpose.DEPTH, first_sample).random() < config.data.inputs.deep_share)


def make_example(
    chain: Chain, config: TrainingConfig, rng: np.random.Generator, *, passes: int, deep: bool = True
) -> Example:
    """A random crop with inputs and template as the configuration mixes them."""
    data = config.data
    clamped = bool(rng.random() < data.clamped_share)
    crop = random_crop(chain, data.crop_size, clamped=clamped, rng=rng)
    kind = choose_kind(crop, data.inputs, rng, deep=deep)
    templates = draw_templates(crop, config, rng)
    example = assemble(crop, kind, data, rng, passes=passes, templates=templates, deep=deep)
    return replace(example, clamped=clamped)


def assemble(
    crop: Crop,
    kind: Kind,
    data: DataConfig,
    rng: np.random.Generator,
    *,
    passes: int,
    templates: TemplateFeatures | None,
    deep: bool,
) -> Example:
    """A crop with the inputs of every pass, padded to the crop size and, if `deep`, to the configured numbers of rows."""
    draws = draw_inputs(crop, kind, data, rng, passes=passes)
    clusters, extra = (data.max_clusters, max(data.max_extra, 1)) if deep else (1, 1)
    length, short = data.crop_size, data.crop_size - (crop.stop - crop.start)
    if templates is not None:
        templates = TemplateFeatures(
            names=templates.names,
            aatype=np.pad(templates.aatype, ((0, 0), (0, short))),
            atom_positions=np.pad(templates.atom_positions, ((0, 0), (0, short), (0, 0), (0, 0))),
            atom_mask=np.pad(templates.atom_mask, ((0, 0), (0, short), (0, 0))),
            sum_probs=templates.sum_probs,
        )
    padded = (pad(draw, length=length, clusters=clusters, extra=extra) for draw in draws)
    chain = crop.chain
    return Example(
        name=f"{chain.id}[{crop.start}:{crop.stop}]",
        draws=tuple(replace(draw, templates=templates) for draw in padded),
        positions=np.pad(crop.positions, ((0, short), (0, 0), (0, 0))),
        mask=np.pad(crop.mask, ((0, short), (0, 0))),
        resolution=UNKNOWN_RESOLUTION if chain.resolution is None else chain.resolution,
        clamped=True,
    )


def draw_templates(crop: Crop, config: TrainingConfig, rng: np.random.Generator) -> TemplateFeatures | None:
    """None for a model without template stack; otherwise no template or corrupted copies of the crop, by their shares."""
    mix = config.data.templates
    places = 0 if config.model.template is None else min(mix.max_templates, config.model.template.max_templates)
    if not places:
        return None
    wanted = rng.random() * (mix.none + mix.corrupted) >= mix.none
    return corrupted_templates(crop, config, rng, count=int(rng.integers(1, places + 1)) if wanted else 0)


def corrupted_templates(
    crop: Crop, config: TrainingConfig, rng: np.random.Generator, *, count: int
) -> TemplateFeatures:
    """So many corrupted copies of the crop, possibly none."""
    made = [corrupt(crop, config.data.templates.corruption, rng) for _ in range(count)]
    length = crop.stop - crop.start
    return TemplateFeatures(
        names=tuple(f"{crop.chain.id} corrupted" for _ in made),
        aatype=np.stack([t.aatype for t in made]) if made else np.zeros((0, length), np.int32),
        atom_positions=np.stack([t.positions for t in made]) if made else np.zeros((0, length, 37, 3), np.float32),
        atom_mask=np.stack([t.mask for t in made]) if made else np.zeros((0, length, 37), np.float32),
        sum_probs=np.ones(len(made), np.float32),
    )


def collate(examples: Sequence[Example], *, num_templates: int) -> MicroBatch:
    """Examples of equal shapes as one batch of tensors, with the targets of the losses."""
    passes = tuple(
        stack([Batch.from_features(draw, num_templates=num_templates) for draw in draws])
        for draws in zip(*(example.draws for example in examples), strict=True)
    )
    last = passes[-1]
    return MicroBatch(
        names=tuple(example.name for example in examples),
        passes=passes,
        truth=MsaTruth(
            true_msa=torch.as_tensor(np.stack([e.draws[-1].true_msa for e in examples])).to(torch.int64),
            bert_mask=torch.as_tensor(np.stack([e.draws[-1].bert_mask for e in examples])),
        ),
        targets=make_targets(
            last.aatype,
            last.residue_index,
            torch.as_tensor(np.stack([e.positions for e in examples])),
            torch.as_tensor(np.stack([e.mask for e in examples])),
            last.seq_mask,
            torch.tensor([e.resolution for e in examples], dtype=torch.float32),
        ),
        clamped=torch.tensor([float(e.clamped) for e in examples]),
    )


def stack(items: Sequence[T]) -> T:
    """One (nested) dataclass of tensors from several, with a new leading dimension; None stays None."""
    first = items[0]
    values: dict[str, Any] = {}
    for f in fields(first):  # pyright: ignore[reportArgumentType]
        parts = [getattr(item, f.name) for item in items]
        if isinstance(parts[0], Tensor):
            values[f.name] = torch.stack(parts)
        else:
            values[f.name] = None if parts[0] is None else stack(parts)
    return type(first)(**values)
