"""Several short targets in the same passes of the network: padded to one size, masked, and taken apart again."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import torch
from torch import Tensor

from alphafold_lite.inference.kept_templates import KeptTemplates
from alphafold_lite.inference.recycling import Folded, autocast, distance_change
from alphafold_lite.model.alphafold import AlphaFold, Prediction
from alphafold_lite.model.batch import Batch, Templates, map_tensors
from alphafold_lite.model.embedders import Recycled

T = TypeVar("T")
_BY_ROW = ("msa", "masked_msa")  # fields of a prediction with MSA rows before the residues
_BY_PAIR = ("pair", "distogram", "pae")  # and those with residues twice
_WITHOUT_RESIDUES = ("mask", "quality")  # fields of templates


def together(batches: Sequence[Batch], *, num_res: int) -> Batch:
    """Targets of different length, depth and number of templates as one batch with a leading axis.

    What is added is zero and masked. A target without templates among others with some gets empty places, which change nothing.

    Args:
        batches: without leading axes.
        num_res: length of the result, at least that of the longest.
    """
    clusters = max(batch.msa.mask.shape[0] for batch in batches)
    extra = max(batch.extra_msa.mask.shape[0] for batch in batches)
    return Batch(
        aatype=_stacked([batch.aatype for batch in batches], num_res),
        residue_index=_stacked([batch.residue_index for batch in batches], num_res),
        domain_break=_stacked([batch.domain_break for batch in batches], num_res),
        seq_mask=_stacked([batch.seq_mask for batch in batches], num_res),
        msa=_merged([batch.msa for batch in batches], clusters, num_res),
        extra_msa=_merged([batch.extra_msa for batch in batches], extra, num_res),
        templates=_templates([batch.templates for batch in batches], num_res),
    )


def own(prediction: Prediction, place: int, *, num_res: int, num_rows: int) -> Prediction:
    """One target's part of a prediction made together, without what was added.

    Args:
        place: its number in the batch.
        num_rows: its MSA rows.
    """
    return _cut(prediction, "", place, num_res, num_rows)


@torch.no_grad()
def fold_group(
    model: AlphaFold,
    inputs: Sequence[Callable[[int], Batch]],
    *,
    num_recycles: int,
    tolerance: float = 0.0,
    precision: str = "fp32",
) -> tuple[Folded, ...]:
    """As `recycling.fold` for each of several targets, within the tolerance of the precision; each stops recycling for itself.

    Args:
        inputs: a target: pass number (from 0) -> its input, without leading axes.
        precision: `fp32` or `bf16`.
    """
    found: dict[int, Folded] = {}
    changes: list[list[float]] = [[] for _ in inputs]
    before: dict[int, Prediction] = {}
    active, previous, num_res = list(range(len(inputs))), None, 0
    kept = KeptTemplates(model)
    for number in range(num_recycles + 1):
        batches = [inputs[target](number) for target in active]
        num_res = num_res or max(batch.seq_mask.shape[0] for batch in batches)
        batch = together(batches, num_res=num_res)
        with autocast(batch.aatype.device, precision):
            prediction = model(batch, previous, kept.pairs((batch,)))
        stay: list[int] = []
        for place, (target, alone) in enumerate(zip(active, batches, strict=True)):
            part = own(prediction, place, num_res=alone.seq_mask.shape[0], num_rows=alone.msa.mask.shape[0])
            if target in before:
                positions = before[target].atom37_positions
                changes[target].append(distance_change(positions, part.atom37_positions, alone.seq_mask))
            converged = bool(changes[target]) and changes[target][-1] < tolerance
            if converged or number == num_recycles:
                made = tuple(changes[target])
                found[target] = Folded(prediction=part, passes=number + 1, changes=made, converged=converged)
            else:
                before[target] = part
                stay.append(place)
        if not stay:
            return tuple(found[target] for target in range(len(inputs)))
        previous, active = _staying(prediction.recycled, stay), [active[place] for place in stay]
    raise ValueError(f"num_recycles must be at least 0, not {num_recycles}")


def _staying(recycled: Recycled, places: list[int]) -> Recycled:
    """What the next pass reads of those targets that have not converged."""
    return recycled if len(places) == len(recycled.positions) else map_tensors(recycled, lambda t: t[places])


def _stacked(tensors: Sequence[Tensor | None], *sizes: int) -> Tensor:
    """One tensor `[len(tensors), *sizes, ...]`, zero where a tensor is smaller than `sizes` or None; one at least is a tensor."""
    like = next(tensor for tensor in tensors if tensor is not None)
    out = like.new_zeros(len(tensors), *sizes, *like.shape[len(sizes) :])
    for place, tensor in enumerate(tensors):
        if tensor is not None:
            out[(place, *map(slice, tensor.shape[: len(sizes)]))] = tensor
    return out


def _merged(parts: Sequence[T], *sizes: int) -> T:
    """Containers whose tensors all begin with the same axes as one."""
    values: dict[str, Any] = {}
    for f in fields(parts[0]):  # pyright: ignore[reportArgumentType]
        values[f.name] = _stacked([getattr(part, f.name) for part in parts], *sizes)
    return type(parts[0])(**values)


def _templates(parts: Sequence[Templates | None], num_res: int) -> Templates | None:
    there = [part for part in parts if part is not None]
    if not there:
        return None
    places = max(part.mask.shape[0] for part in there)
    values: dict[str, Any] = {}
    for f in fields(Templates):
        tensors: list[Tensor | None] = [None if part is None else getattr(part, f.name) for part in parts]
        sizes = (places,) if f.name in _WITHOUT_RESIDUES else (places, num_res)
        values[f.name] = None if all(tensor is None for tensor in tensors) else _stacked(tensors, *sizes)
    return Templates(**values)


def _cut(value: Any, name: str, place: int, num_res: int, num_rows: int) -> Any:
    """A tensor, or a container of tensors, of one target; `name` is that of its field and says what its axes are."""
    if isinstance(value, Tensor):
        if name in _BY_ROW:
            return value[place, :num_rows, :num_res]
        return value[place, :num_res, :num_res] if name in _BY_PAIR else value[place, :num_res]
    if value is None:
        return None
    if isinstance(value, tuple):
        return tuple(_cut(part, name, place, num_res, num_rows) for part in value)  # pyright: ignore[reportUnknownVariableType]
    parts = {f.name: _cut(getattr(value, f.name), f.name, place, num_res, num_rows) for f in fields(value)}
    return type(value)(**parts)
