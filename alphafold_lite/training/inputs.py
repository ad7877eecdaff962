"""The network's MSA input of a crop, made in the ways that `InputMix` names; each pass of a sample draws its own rows and masks."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.common.errors import InputError
from alphafold_lite.common.features import CarriedProfile, Features, SampledFeatures
from alphafold_lite.training.config import DataConfig, InputMix
from alphafold_lite.training.crops import Crop
from data_pipeline.msa import merge
from data_pipeline.pipeline import assemble_features, query_alone, read_alignment
from data_pipeline.sampling import BlockDeletionConfig, MaskingConfig, SamplingConfig, sample

Kind = Literal["alignment", "sampled", "profile", "carried", "query"]
KINDS: tuple[Kind, ...] = get_args(Kind)
DEEP: frozenset[Kind] = frozenset(("alignment", "sampled"))
ALIGNMENTS_KEPT = 64  # parsed alignments, some MB each


def choose_kind(crop: Crop, mix: InputMix, rng: np.random.Generator, *, deep: bool) -> Kind:
    """One of the kinds of this depth that the chain can have, by their shares; where it can have none of them, the query alone."""
    possible: list[Kind] = [
        kind for kind in KINDS if (kind in DEEP) == deep and is_possible(crop, kind) and getattr(mix, kind) > 0
    ]
    draw = rng.random()
    if not possible:
        return first_possible(crop, "alignment" if deep else "profile")
    shares = np.array([getattr(mix, kind) for kind in possible])
    return possible[
        int(np.searchsorted(np.cumsum(shares) / shares.sum(), draw, side="right").clip(max=len(shares) - 1))
    ]


def first_possible(crop: Crop, wanted: Kind) -> Kind:
    """This kind, or the next one of the list that the chain can have; the query alone, without homologues' profile, is always possible."""
    for kind in KINDS[KINDS.index(wanted) :]:
        if is_possible(crop, kind) and (kind != "carried" or wanted == "carried"):
            return kind
    return "query"


def is_possible(crop: Crop, kind: Kind) -> bool:
    """Whether the chain has what this kind of input is made of."""
    if kind == "alignment":
        return crop.chain.alignment is not None
    return kind in ("carried", "query") or crop.chain.profile is not None


def draw_inputs(
    crop: Crop,
    kind: Kind,
    config: DataConfig,
    rng: np.random.Generator,
    *,
    passes: int,
    carried: CarriedProfile | None = None,
) -> tuple[SampledFeatures, ...]:
    """One draw for each pass. Without templates; `carried` is what homologues say of the profile."""
    features = _features(crop, kind, config, rng)
    sampling = SamplingConfig(
        max_clusters=config.max_clusters,
        max_extra=config.max_extra,
        max_templates=0,
        masking=MaskingConfig(fraction=config.masked_fraction),
        block_deletion=BlockDeletionConfig() if config.block_deletion and kind == "alignment" else None,
    )
    draws = [sample(features, sampling, rng) for _ in range(passes)]
    profile = crop.profile if kind == "profile" else None
    if profile is not None:
        draws = [draw.with_first_profile(profile) for draw in draws]
    if carried is not None and (kind == "carried" or (kind in DEEP and rng.random() < config.inputs.carried_in_deep)):
        draws = [draw.with_carried_profile(carried) for draw in draws]
    return tuple(draws)


def _features(crop: Crop, kind: Kind, config: DataConfig, rng: np.random.Generator) -> Features:
    msa = query_alone(crop.sequence, crop.chain.id)
    features = assemble_features(crop.sequence, msa, name=crop.chain.id, residue_index=crop.residue_index)
    if kind == "alignment" and crop.chain.alignment is not None:
        letters, deletions = _read(crop.chain.alignment)
        if letters.shape[1] != len(crop.chain.sequence):
            found = f"{letters.shape[1]} columns in {crop.chain.alignment}"
            raise InputError(
                f"{len(crop.chain.sequence)} columns, the residues of {crop.chain.id}", found, "align to the chain"
            )
        rows = thinned(len(letters), config.thinned_share, rng)
        features = _with_rows(features, letters[rows, crop.rows], deletions[rows, crop.rows])
    if kind == "sampled" and crop.profile is not None:
        rows = profile_rows(crop.profile, log_uniform(config.sampled_rows, rng), rng)
        letters = np.concatenate((features.msa, rows))
        features = _with_rows(features, letters, np.zeros_like(letters))
    return features


def thinned(num_rows: int, share: float, rng: np.random.Generator) -> Int[np.ndarray, "N_kept"]:
    """All rows, or, in this share of draws, some of them, so that alignments of any depth are met; the query stays."""
    others = np.arange(1, num_rows)
    if rng.random() < share and len(others):
        others = np.sort(rng.choice(others, log_uniform(len(others), rng), replace=False))
    return np.concatenate((np.zeros(1, np.int64), others))


def log_uniform(most: int, rng: np.random.Generator) -> int:
    """A number from 1 to `most`, each order of magnitude as likely as the next."""
    return int(np.exp(rng.random() * np.log(most + 1))) if most > 0 else 0


def profile_rows(
    profile: Float[np.ndarray, "N_res 23"], count: int, rng: np.random.Generator
) -> Int[np.ndarray, "N_rows N_res"]:
    """Rows whose letters are drawn column by column from the profile."""
    cumulative = np.cumsum(profile, axis=-1, dtype=np.float64)
    draws = rng.random((count, len(profile), 1)) * cumulative[:, -1:]
    return (draws >= cumulative).sum(-1).clip(max=profile.shape[-1] - 1).astype(np.int32)


def _with_rows(
    features: Features, letters: Int[np.ndarray, "N_rows N_res"], deletions: Int[np.ndarray, "N_rows N_res"]
) -> Features:
    return replace(
        features,
        msa=letters,
        deletion_matrix=deletions,
        msa_descriptions=("",) * len(letters),
    )


@lru_cache(maxsize=ALIGNMENTS_KEPT)
def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    merged = merge([read_alignment(path)])
    return merged.letters, merged.deletion_matrix


def pad(features: SampledFeatures, *, length: int, clusters: int, extra: int) -> SampledFeatures:
    """The same draw with masked residues behind it and masked rows below, so that several fit one batch."""
    rows = {"extra": extra}
    grown: dict[str, np.ndarray] = {}
    for name in SampledFeatures.__dataclass_fields__:
        values = getattr(features, name)
        if values is None or name == "templates":
            continue
        sizes: Sequence[int] = (length,)
        if values.ndim > 1:
            sizes = (rows.get(name.partition("_")[0], clusters), length)
        widths = [(0, size - have) for have, size in zip(values.shape, sizes, strict=False)]
        widths += [(0, 0)] * (values.ndim - len(widths))
        grown[name] = np.pad(values, widths)
    return replace(features, **grown)
