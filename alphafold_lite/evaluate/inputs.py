"""What the network is given for a chain whose structure is known: sequence, profile or alignment, and its own structure as a template."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from alphafold_lite.common.errors import InputError
from alphafold_lite.common.features import Features, SampledFeatures, TemplateFeatures
from alphafold_lite.evaluate.settings import InputKind
from alphafold_lite.training.chains import Chain
from data_pipeline.pipeline import build_features, read_alignment
from data_pipeline.sampling import SamplingConfig, sample
from data_pipeline.search.base import Query

Source = Literal["search", "profile", "msa", "single"]


def choose_source(wanted: InputKind, chains: Sequence[Chain]) -> Source:
    """The input asked for, or for `auto` the first that every chain has.

    Raises:
        InputError: a chain without the input asked for.
    """
    have = {
        "profile": [chain.profile is not None for chain in chains],
        "msa": [chain.alignment is not None for chain in chains],
        "single": [True for _ in chains],
    }
    if wanted == "auto":
        return "profile" if all(have["profile"]) else "msa" if all(have["msa"]) else "single"
    if wanted == "search":
        return "search"
    if not all(have[wanted]):
        what = "a sequence profile" if wanted == "profile" else "an alignment beside the set"
        without = chains[have[wanted].index(False)].id
        raise InputError(f"{what} for every chain (--inputs {wanted})", f"none for {without}", "give --inputs single")
    return wanted


def chain_features(chain: Chain, source: Source, *, own_template: bool) -> Features:
    """Everything known about one chain before any random choice; the profile, which is no MSA, comes in `draw`."""
    alignments = [read_alignment(chain.alignment)] if source == "msa" and chain.alignment is not None else []
    features = build_features(chain.sequence, name=chain.id, msa=alignments, residue_index=chain.residue_index)
    return replace(features, templates=_own_structure(chain) if own_template else None)


def draw(
    features: Features, chain: Chain, source: Source, config: SamplingConfig, rng: np.random.Generator
) -> SampledFeatures:
    """One draw of the network's input. With a profile, it stands for what the first row's cluster says."""
    sampled = sample(features, config, rng)
    if source != "profile" or chain.cluster_profile is None:
        return sampled
    return sampled.with_first_profile(chain.cluster_profile)


def library_query(chain: Chain) -> Query:
    """The chain as a search takes it."""
    return Query(name=chain.id, sequence=chain.sequence)


def _own_structure(chain: Chain) -> TemplateFeatures:
    return TemplateFeatures(
        names=(chain.id,),
        aatype=chain.aatype[None],
        atom_positions=chain.atom37_positions[None],
        atom_mask=chain.atom37_mask[None],
        sum_probs=np.ones(1, np.float32),
    )
