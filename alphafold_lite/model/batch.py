"""The network's input as tensors. `Batch.from_features` is the only door from NumPy to PyTorch."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from alphafold_lite.common.features import SampledFeatures, TemplateFeatures
from alphafold_lite.geometry import atoms

T = TypeVar("T")
AATYPE_CLASSES, MSA_CLASSES, TEMPLATE_CLASSES = 21, 23, 22
QUALITY_CHANNELS = 4
LARGEST_EVIDENCE = 30.0  # of -log10 of an E-value; more tells nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusteredMsa:
    """Cluster centres and what they stand for (supplement Table 1, `msa_feat`)."""

    tokens: Int[Tensor, "*batch N_clust N_res"]
    has_deletion: Float[Tensor, "*batch N_clust N_res"]
    deletion_value: Float[Tensor, "*batch N_clust N_res"]
    profile: Float[Tensor, "*batch N_clust N_res 23"]
    deletion_mean: Float[Tensor, "*batch N_clust N_res"]
    mask: Float[Tensor, "*batch N_clust N_res"]

    def encode(self) -> Float[Tensor, "*batch N_clust N_res 49"]:
        """The 49 channels in AlphaFold's order."""
        columns = (
            self.has_deletion[..., None],
            self.deletion_value[..., None],
            self.profile,
            self.deletion_mean[..., None],
        )
        return torch.cat((one_hot(self.tokens, MSA_CLASSES).to(self.profile.dtype), *columns), dim=-1)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtraMsa:
    """Rows that are no cluster centres (supplement Table 1, `extra_msa_feat`)."""

    tokens: Int[Tensor, "*batch N_extra N_res"]
    has_deletion: Float[Tensor, "*batch N_extra N_res"]
    deletion_value: Float[Tensor, "*batch N_extra N_res"]
    mask: Float[Tensor, "*batch N_extra N_res"]

    def encode(self) -> Float[Tensor, "*batch N_extra N_res 25"]:
        """The 25 channels in AlphaFold's order."""
        columns = (self.has_deletion[..., None], self.deletion_value[..., None])
        return torch.cat((one_hot(self.tokens, MSA_CLASSES).to(self.mask.dtype), *columns), dim=-1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Templates:
    """Template structures on the query's residues, Å; `mask` is 0 for empty places."""

    aatype: Int[Tensor, "*batch N_templ N_res"]
    atom37: Float[Tensor, "*batch N_templ N_res 37 3"]
    atom37_mask: Float[Tensor, "*batch N_templ N_res 37"]
    pseudo_beta: Float[Tensor, "*batch N_templ N_res 3"]
    pseudo_beta_mask: Float[Tensor, "*batch N_templ N_res"]
    mask: Float[Tensor, "*batch N_templ"]
    quality: Float[Tensor, "*batch N_templ 4"] | None = None  # as `hit_quality` says; None: nothing known


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Everything one pass of the network reads; any leading dimensions `*batch`."""

    aatype: Int[Tensor, "*batch N_res"]
    residue_index: Int[Tensor, "*batch N_res"]
    domain_break: Float[Tensor, "*batch N_res"]
    seq_mask: Float[Tensor, "*batch N_res"]
    msa: ClusteredMsa
    extra_msa: ExtraMsa
    templates: Templates | None

    def target_feat(self) -> Float[Tensor, "*batch N_res 22"]:
        """Domain break and one-hot residue type."""
        letters = one_hot(self.aatype.clamp(max=AATYPE_CLASSES - 1), AATYPE_CLASSES).to(self.seq_mask.dtype)
        return torch.cat((self.domain_break[..., None], letters), dim=-1)

    def map(self, fn: Callable[[Tensor], Tensor]) -> "Batch":
        """Apply `fn` to every tensor, for example to move, cast or stack."""
        return map_tensors(self, fn)

    def to(self, *, device: torch.device, dtype: torch.dtype) -> "Batch":
        """On `device`, with floating-point tensors as `dtype`."""
        return self.map(lambda t: t.to(device, dtype if t.is_floating_point() else t.dtype))

    @classmethod
    def from_features(
        cls,
        features: SampledFeatures,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        num_templates: int = 4,
    ) -> "Batch":
        """One draw as tensors without leading dimensions. Templates are cut or padded to `num_templates`; with none given, None."""

        def real(values: np.ndarray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(values), device=device).to(dtype)

        def whole(values: np.ndarray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(values), device=device).to(torch.int64)

        templates = features.templates
        return cls(
            aatype=whole(features.aatype),
            residue_index=whole(features.residue_index),
            domain_break=real(features.domain_break),
            seq_mask=real(features.seq_mask),
            msa=ClusteredMsa(
                tokens=whole(features.msa),
                has_deletion=real(features.msa_has_deletion),
                deletion_value=real(features.msa_deletion_value),
                profile=real(features.cluster_profile),
                deletion_mean=real(features.cluster_deletion_mean),
                mask=real(features.msa_mask),
            ),
            extra_msa=ExtraMsa(
                tokens=whole(features.extra_msa),
                has_deletion=real(features.extra_has_deletion),
                deletion_value=real(features.extra_deletion_value),
                mask=real(features.extra_msa_mask),
            ),
            templates=None if templates is None else _templates(templates, num_templates, real, whole),
        )


def _templates(
    found: TemplateFeatures, places: int, real: Callable[[np.ndarray], Tensor], whole: Callable[[np.ndarray], Tensor]
) -> Templates:
    count = min(len(found.names), places)

    def pad(values: np.ndarray) -> np.ndarray:
        out = np.zeros((places, *values.shape[1:]), values.dtype)
        out[:count] = values[:count]
        return out

    aatype, atom37 = whole(pad(found.aatype)), real(pad(found.atom_positions))
    atom37_mask = real(pad(found.atom_mask))
    return Templates(
        aatype=aatype,
        atom37=atom37,
        atom37_mask=atom37_mask,
        pseudo_beta=atoms.pseudo_beta(aatype, atom37),
        pseudo_beta_mask=atoms.pseudo_beta_mask(aatype, atom37_mask),
        mask=real((np.arange(places) < count).astype(np.float32)),
        quality=real(pad(hit_quality(found))),
    )


def hit_quality(found: TemplateFeatures) -> Float[np.ndarray, "N_templ 4"]:
    """What the search knows of each template, each column from 0 to 1: whether there is an E-value, -log10 of it, identity, coverage.

    What is not known is 0.
    """
    quality = np.zeros((len(found.names), QUALITY_CHANNELS), np.float32)
    if found.e_value is not None:
        known = np.isfinite(found.e_value)
        evidence = -np.log10(np.where(known, found.e_value, 1.0).clip(min=10.0**-LARGEST_EVIDENCE))
        quality[:, 0] = known
        quality[:, 1] = (evidence / LARGEST_EVIDENCE).clip(0, 1)
    for column, values in ((2, found.identity), (3, found.coverage)):
        if values is not None:
            quality[:, column] = np.nan_to_num(values).clip(0, 1)
    return quality


def map_tensors(container: T, fn: Callable[[Tensor], Tensor]) -> T:
    """A copy of a (nested) dataclass of tensors with `fn` applied to every tensor; None stays None."""
    values: dict[str, Any] = {}
    for f in fields(container):  # pyright: ignore[reportArgumentType]
        value = getattr(container, f.name)
        if value is not None:
            value = fn(value) if isinstance(value, Tensor) else map_tensors(value, fn)
        values[f.name] = value
    return type(container)(**values)
