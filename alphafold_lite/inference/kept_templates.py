"""Embedded templates kept from pass to pass: they depend on nothing that is recycled (Alg. 2, lines 9-10), and a small network spends up to half its time on them."""

from collections.abc import Sequence
from dataclasses import fields

import torch
from torch import Tensor

from alphafold_lite.model.alphafold import AlphaFold
from alphafold_lite.model.batch import Batch, Templates

MOST_BYTES = 2**30  # what is larger is computed in each pass, as it would be in the way of the trunk's own memory


class KeptTemplates:
    """Of the passes of one fold; what was kept is used where templates and residues are the same to the bit."""

    def __init__(self, model: AlphaFold) -> None:
        self._model = model
        self._of: Batch | None = None
        self._pair: Tensor | None = None

    def pairs(self, members: Sequence[Batch]) -> tuple[Tensor | None, ...]:
        """What `AlphaFold` takes as `template_pairs`; None where the network is to compute it. Call it where the pass itself is made."""
        return tuple(self._pairs(member) for member in members)

    def _pairs(self, batch: Batch) -> Tensor | None:
        config, templates = self._model.config.template, batch.templates
        if config is None or templates is None:
            return None
        places = templates.mask.numel() * batch.seq_mask.shape[-1] ** 2
        if places * config.channels * templates.atom37.element_size() > MOST_BYTES:
            self._of = self._pair = None
            return None
        if self._of is None or not _same(self._of, batch):
            self._of, self._pair = batch, self._model.embed_templates(batch)
        return self._pair


def _same(first: Batch, second: Batch) -> bool:
    one, other = first.templates, second.templates
    if one is None or other is None:
        return one is other
    pairs = [
        (first.seq_mask, second.seq_mask),
        *((getattr(one, f.name), getattr(other, f.name)) for f in fields(Templates)),
    ]
    return all(a is b or (a is not None and b is not None and torch.equal(a, b)) for a, b in pairs)
