"""NumPy containers between the stages: `Features` (before any random choice) and `SampledFeatures` (one draw of the network's input).

Residue letters are numbered in the network's order: 0-19 as `residue_constants.restypes`, 20 unknown (X), 21 gap, 22 masked.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateFeatures:
    """Structures of homologues laid onto the query, best first. Coordinates in Å."""

    names: tuple[str, ...]
    aatype: Int[np.ndarray, "N_templ N_res"]  # 0-20, gap 21
    atom_positions: Float[np.ndarray, "N_templ N_res 37 3"]
    atom_mask: Float[np.ndarray, "N_templ N_res 37"]
    sum_probs: Float[np.ndarray, "N_templ"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """Everything known about one query before any random choice: `features.npz` on disk."""

    name: str
    sequence: str
    aatype: Int[np.ndarray, "N_res"]  # 0-20
    residue_index: Int[np.ndarray, "N_res"]
    chain_index: Int[np.ndarray, "N_res"]  # 0 for the first chain
    msa: Int[np.ndarray, "N_rows N_res"]  # 0-21; row 0 is the query
    deletion_matrix: Int[np.ndarray, "N_rows N_res"]  # residues deleted to the left of each position
    msa_descriptions: tuple[str, ...]
    templates: TemplateFeatures | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SampledFeatures:
    """One random draw of the network's input (supplement 1.2.7, Table 1); clustered rows first, then the extra MSA."""

    aatype: Int[np.ndarray, "N_res"]
    residue_index: Int[np.ndarray, "N_res"]
    chain_index: Int[np.ndarray, "N_res"]
    domain_break: Float[np.ndarray, "N_res"]
    seq_mask: Float[np.ndarray, "N_res"]

    msa: Int[np.ndarray, "N_clust N_res"]  # 0-22, after masking
    msa_has_deletion: Float[np.ndarray, "N_clust N_res"]
    msa_deletion_value: Float[np.ndarray, "N_clust N_res"]
    cluster_profile: Float[np.ndarray, "N_clust N_res 23"]
    cluster_deletion_mean: Float[np.ndarray, "N_clust N_res"]  # already squashed by (2/pi) arctan(d/3)
    msa_mask: Float[np.ndarray, "N_clust N_res"]

    true_msa: Int[np.ndarray, "N_clust N_res"]  # before masking
    bert_mask: Float[np.ndarray, "N_clust N_res"]  # 1 where the masked-MSA head is asked

    extra_msa: Int[np.ndarray, "N_extra N_res"]
    extra_has_deletion: Float[np.ndarray, "N_extra N_res"]
    extra_deletion_value: Float[np.ndarray, "N_extra N_res"]
    extra_msa_mask: Float[np.ndarray, "N_extra N_res"]

    templates: TemplateFeatures | None = None

    def with_first_profile(self, profile: Float[np.ndarray, "N_res 23"]) -> "SampledFeatures":
        """The same draw, with a profile from elsewhere as what the first row's cluster says."""
        profiles = self.cluster_profile.copy()
        profiles[0] = profile
        return replace(self, cluster_profile=profiles)
