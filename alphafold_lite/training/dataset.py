"""Samples by number: chain, crop, one input a pass, template, targets; several of equal length make the batch of one forward pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from alphafold_lite.common.features import CarriedProfile, SampledFeatures, TemplateFeatures
from alphafold_lite.model.batch import Batch, map_tensors
from alphafold_lite.training.chains import Chain
from alphafold_lite.training.config import CorruptionConfig, TrainingConfig
from alphafold_lite.training.corruption import corrupt
from alphafold_lite.training.crops import Crop, random_crop
from alphafold_lite.training.homologues import Homologues, Relatives, draw_hits
from alphafold_lite.training.inputs import Kind, choose_kind, draw_inputs, pad
from alphafold_lite.training.losses import MsaTruth
from alphafold_lite.training.plan import Plan
from alphafold_lite.training.targets import Targets, WeightedTargets, make_targets

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
    template_places: int = 0
    weights: Float[np.ndarray, "N_res"] | None = None  # of a predicted structure; None: an experimental one


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


def make_example(
    chain: Chain, config: TrainingConfig, plan: Plan, rng: np.random.Generator, *, homologues: Homologues | None = None
) -> Example:
    """A random crop with inputs as the configuration mixes them."""
    data = config.data
    clamped = bool(rng.random() < data.clamped_share)
    crop = random_crop(chain, data.crop_size, clamped=clamped, rng=rng)
    kind = choose_kind(crop, data.inputs, rng, deep=plan.deep)
    relatives = None
    if homologues is not None:
        hits = draw_hits(homologues.hits(chain.id), data.templates.homologue, rng)
        relatives = Relatives(hits=hits, source=homologues)
    mix = data.templates
    if relatives is not None and rng.random() * (mix.corrupted + mix.homologues) < mix.homologues:
        templates = relatives.templates(crop, plan.templates)
    else:
        templates = corrupted_templates(crop, mix.corruption, rng, count=plan.templates)
    carried = None if relatives is None else relatives.carried(crop)
    return replace(assemble(crop, kind, config, plan, rng, templates=templates, carried=carried), clamped=clamped)


def assemble(
    crop: Crop,
    kind: Kind,
    config: TrainingConfig,
    plan: Plan,
    rng: np.random.Generator,
    *,
    templates: TemplateFeatures | None,
    carried: CarriedProfile | None = None,
) -> Example:
    """A crop with templates and the inputs of every pass, padded to the crop size and, if deep, to the configured numbers of rows."""
    data = config.data
    draws = draw_inputs(crop, kind, data, rng, passes=plan.passes, carried=carried)
    clusters, extra = (data.max_clusters, max(data.max_extra, 1)) if plan.deep else (1, 1)
    length, short = data.crop_size, data.crop_size - (crop.stop - crop.start)
    padded = (pad(draw, length=length, clusters=clusters, extra=extra) for draw in draws)
    chain = crop.chain
    return Example(
        name=f"{chain.id}[{crop.start}:{crop.stop}]",
        draws=tuple(replace(draw, templates=pad_templates(templates, short)) for draw in padded),
        template_places=plan.templates,
        positions=np.pad(crop.positions, ((0, short), (0, 0), (0, 0))),
        mask=np.pad(crop.mask, ((0, short), (0, 0))),
        resolution=UNKNOWN_RESOLUTION if chain.resolution is None else chain.resolution,
        clamped=True,
        weights=None if crop.weights is None else np.pad(crop.weights, (0, short)),
    )


def corrupted_templates(
    crop: Crop, config: CorruptionConfig, rng: np.random.Generator, *, count: int
) -> TemplateFeatures | None:
    """So many corrupted copies of the crop; None for 0."""
    if not count:
        return None
    made = [corrupt(crop, config, rng) for _ in range(count)]
    return TemplateFeatures(
        names=tuple(f"{crop.chain.id} corrupted" for _ in made),
        aatype=np.stack([t.aatype for t in made]),
        atom_positions=np.stack([t.positions for t in made]),
        atom_mask=np.stack([t.mask for t in made]),
        sum_probs=np.ones(len(made), np.float32),
    )


def pad_templates(templates: TemplateFeatures | None, short: int) -> TemplateFeatures | None:
    """So many residues without atoms behind the last."""
    if templates is None or not short:
        return templates
    residues = ((0, 0), (0, short))
    return replace(
        templates,
        aatype=np.pad(templates.aatype, residues),
        atom_positions=np.pad(templates.atom_positions, (*residues, (0, 0), (0, 0))),
        atom_mask=np.pad(templates.atom_mask, (*residues, (0, 0))),
    )


def collate(examples: Sequence[Example]) -> MicroBatch:
    """Examples of equal shapes as one batch of tensors, with the targets of the losses."""
    places = examples[0].template_places
    passes = tuple(
        stack([Batch.from_features(draw, num_templates=places) for draw in draws])
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
        targets=_targets(examples, last),
        clamped=torch.tensor([float(e.clamped) for e in examples]),
    )


def _targets(examples: Sequence[Example], last: Batch) -> Targets:
    """Targets of the structures; where any of them is a prediction, with weights, which are 1 for the others."""
    targets = make_targets(
        last.aatype,
        last.residue_index,
        torch.as_tensor(np.stack([e.positions for e in examples])),
        torch.as_tensor(np.stack([e.mask for e in examples])),
        last.seq_mask,
        torch.tensor([e.resolution for e in examples], dtype=torch.float32),
    )
    if all(e.weights is None for e in examples):
        return targets
    weights = [np.ones(len(e.mask), np.float32) if e.weights is None else e.weights for e in examples]
    return WeightedTargets.of(
        targets,
        weights=torch.as_tensor(np.stack(weights)),
        is_experimental=torch.tensor([float(e.weights is None) for e in examples]),
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
