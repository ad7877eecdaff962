"""One random draw of the network's MSA input (AlphaFold 2 supplement, 1.2.6 and 1.2.7).

Random choices are drawn first (`draw_choices`) and applied by pure functions (`apply_choices`), so that a recorded draw can be repeated.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from alphafold_lite.common.errors import InputError
from alphafold_lite.common.features import Features, SampledFeatures, TemplateFeatures
from data_pipeline.clustering import NUM_LETTERS, cluster_summary, nearest_cluster_assignment, squash_deletions
from data_pipeline.msa import GAP, MASK, NUM_UNMASKED, letter_profile

_NUM_RESIDUE_TYPES = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskingConfig:
    """Which letters of the cluster centres are hidden, and what stands in their place; the rest of the probability is the mask itself."""

    fraction: float = 0.15  # supplement 1.2.7
    uniform: float = 0.1
    profile: float = 0.1
    same: float = 0.1

    def __post_init__(self) -> None:
        shares = (self.uniform, self.profile, self.same)
        if not 0 <= self.fraction <= 1 or min(shares) < 0 or sum(shares) > 1:
            found = f"fraction {self.fraction}, shares {shares}"
            raise InputError(
                "a masked fraction within 0 to 1 and shares that sum to 1 at most",
                found,
                "correct the masking settings",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockDeletionConfig:
    """Removal of runs of neighbouring, hence similar, rows in training (Alg. 1)."""

    fraction: float = 0.3  # rows a block, of all rows
    num_blocks: int = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingConfig:
    """Limits and probabilities of one draw. AlphaFold deletes blocks in training only, and masks in inference as well."""

    max_clusters: int = 512  # supplement, Table 1 and Table 5
    max_extra: int = 5120  # 1024 or 5120, by model
    max_templates: int = 4
    templates_take_clusters: bool = False  # models 1 and 2: template rows are added to the MSA and count as clusters
    masking: MaskingConfig = MaskingConfig()
    block_deletion: BlockDeletionConfig | None = None
    carried_profile: bool = (
        False  # for networks trained with it: homologues' profiles in the first row's cluster profile
    )

    def __post_init__(self) -> None:
        if self.num_centres < 1 or self.max_extra < 0 or self.max_templates < 0:
            found = f"{self.max_clusters}:{self.max_extra}, {self.max_templates} templates"
            raise InputError("at least one MSA cluster and no negative limit", found, "raise the number of clusters")

    @property
    def num_centres(self) -> int:
        """The largest number of cluster centres that a draw returns."""
        return self.max_clusters - self.max_templates * self.templates_take_clusters


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """Everything random about one draw."""

    order: Int[np.ndarray, "N_kept"]  # row numbers; the query first, then centres, then extra rows
    num_clusters: int
    num_extra: int  # extra rows that reach the network; all of them reach the clusters
    bert_mask: Bool[np.ndarray, "N_clust N_res"]
    replacement: Int[np.ndarray, "N_clust N_res"]  # read where bert_mask is set


def sample(features: Features, config: SamplingConfig, rng: np.random.Generator) -> SampledFeatures:
    """Draw cluster centres, extra rows and masked letters; the same generator state gives the same draw."""
    drawn = apply_choices(features, draw_choices(features, config, rng), max_templates=config.max_templates)
    if config.carried_profile and features.carried is not None:
        return drawn.with_carried_profile(features.carried)
    return drawn


def draw_choices(features: Features, config: SamplingConfig, rng: np.random.Generator) -> Choices:
    """Use the generator: rows first, then masked positions, then their letters."""
    rows = np.arange(len(features.msa))
    if config.block_deletion is not None:
        starts = rng.integers(0, len(rows), config.block_deletion.num_blocks)
        rows = block_delete(len(rows), starts, config.block_deletion.fraction)
    order = np.concatenate((rows[:1], rng.permutation(rows[1:])))
    num_clusters = min(config.num_centres, len(order))
    centres = features.msa[order[:num_clusters]]
    bert_mask = rng.random(centres.shape) < config.masking.fraction
    probabilities = replacement_probabilities(
        centres[bert_mask], letter_profile(features.msa)[bert_mask.nonzero()[1]], config.masking
    )
    replacement = np.full(centres.shape, MASK, np.int32)
    replacement[bert_mask] = pick_letters(probabilities, rng.random(len(probabilities)))
    return Choices(
        order=order,
        num_clusters=num_clusters,
        num_extra=min(config.max_extra, len(order) - num_clusters),
        bert_mask=bert_mask,
        replacement=replacement,
    )


def apply_choices(features: Features, choices: Choices, *, max_templates: int) -> SampledFeatures:
    """The network's input for given random choices. Without extra rows, one row of gaps under a zero mask stands for them."""
    msa, deletions = features.msa[choices.order], features.deletion_matrix[choices.order]
    true_centres, centre_deletions = msa[: choices.num_clusters], deletions[: choices.num_clusters]
    extra, extra_deletions = msa[choices.num_clusters :], deletions[choices.num_clusters :]
    centres = np.where(choices.bert_mask, choices.replacement, true_centres).astype(np.int32)
    assignment = nearest_cluster_assignment(centres, extra)
    summary = cluster_summary(centres, centre_deletions, extra, extra_deletions, assignment)
    shown_extra, shown_deletions = extra[: choices.num_extra], extra_deletions[: choices.num_extra]
    extra_msa_mask = np.ones(shown_extra.shape, np.float32)
    if not len(shown_extra):
        shown_extra, shown_deletions = np.full_like(msa[:1], GAP), np.zeros_like(deletions[:1])
        extra_msa_mask = np.zeros(shown_extra.shape, np.float32)
    return SampledFeatures(
        aatype=features.aatype,
        residue_index=features.residue_index,
        chain_index=features.chain_index,
        domain_break=np.zeros(features.aatype.shape, np.float32),
        seq_mask=np.ones(features.aatype.shape, np.float32),
        msa=centres,
        msa_has_deletion=has_deletion(centre_deletions),
        msa_deletion_value=squash_deletions(centre_deletions),
        cluster_profile=summary.profile,
        cluster_deletion_mean=squash_deletions(summary.deletion_mean),
        msa_mask=np.ones(centres.shape, np.float32),
        true_msa=true_centres,
        bert_mask=choices.bert_mask.astype(np.float32),
        extra_msa=shown_extra,
        extra_has_deletion=has_deletion(shown_deletions),
        extra_deletion_value=squash_deletions(shown_deletions),
        extra_msa_mask=extra_msa_mask,
        templates=first_templates(features.templates, max_templates),
    )


def block_delete(num_rows: int, starts: Int[np.ndarray, "N_blocks"], fraction: float) -> Int[np.ndarray, "N_kept"]:
    """The rows left after removing a block from each start on (Alg. 1); the query, row 0, always stays."""
    block = np.arange(int(num_rows * fraction))
    deleted = np.minimum(starts[:, None] + block, num_rows - 1)
    keep = np.ones(num_rows, bool)
    keep[deleted.ravel()] = False
    keep[0] = True
    return np.flatnonzero(keep)


def replacement_probabilities(
    letters: Int[np.ndarray, "*cells"], profile: Float[np.ndarray, "*cells 22"], config: MaskingConfig
) -> Float[np.ndarray, "*cells 23"]:
    """Probability of each letter to stand at a hidden position: any residue, the column's profile, the letter itself, or the mask."""
    uniform = np.zeros(NUM_UNMASKED, np.float32)
    uniform[:_NUM_RESIDUE_TYPES] = 1.0 / _NUM_RESIDUE_TYPES
    same = letters[..., None] == np.arange(NUM_UNMASKED)
    probabilities = np.empty((*letters.shape, NUM_LETTERS), np.float32)
    probabilities[..., :NUM_UNMASKED] = config.uniform * uniform + config.profile * profile + config.same * same
    probabilities[..., MASK] = 1.0 - config.uniform - config.profile - config.same
    return probabilities


def pick_letters(probabilities: Float[np.ndarray, "N 23"], draws: Float[np.ndarray, "N"]) -> Int[np.ndarray, "N"]:
    """One letter a row, by a number drawn from [0, 1)."""
    cumulative = np.cumsum(probabilities, axis=-1, dtype=np.float64)
    chosen = (draws[:, None] * cumulative[:, -1:] >= cumulative).sum(axis=-1, dtype=np.int32)
    return np.minimum(chosen, MASK).astype(np.int32)


def has_deletion(deletions: Int[np.ndarray, "N_rows N_res"]) -> Float[np.ndarray, "N_rows N_res"]:
    """1 where anything was deleted to the left (supplement, Table 1)."""
    return (deletions > 0).astype(np.float32)


def first_templates(templates: TemplateFeatures | None, count: int) -> TemplateFeatures | None:
    """The best templates; None when there are none or none are wanted."""
    if templates is None or not count or not templates.names:
        return None
    parts: dict[str, Any] = {name: getattr(templates, name) for name in TemplateFeatures.__dataclass_fields__}
    cut: dict[str, Any] = {name: None if part is None else part[:count] for name, part in parts.items()}
    return TemplateFeatures(**cut)
