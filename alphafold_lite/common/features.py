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
    e_value: Float[np.ndarray, "N_templ"] | None = None  # NaN where a template has none
    identity: Float[np.ndarray, "N_templ"] | None = None  # over aligned residues, 0 to 1
    coverage: Float[np.ndarray, "N_templ"] | None = None  # share of the query that is aligned, 0 to 1


@dataclass(frozen=True, kw_only=True, slots=True)
class CarriedProfile:
    """Residue frequencies that homologues' own profiles give for the query, and how far to trust them at each residue, 0 to 1."""

    frequencies: Float[np.ndarray, "N_res 20"]  # order of `residue_constants.restypes`
    trust: Float[np.ndarray, "N_res"]


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
    carried: CarriedProfile | None = None  # read only by networks that were trained with it


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

    def with_carried_profile(self, profile: CarriedProfile) -> "SampledFeatures":
        """The same draw, the first row's cluster profile mixed with one from homologues, which counts as much as it is trusted."""
        letters = self.cluster_profile.shape[-1]
        carried = np.pad(profile.frequencies, ((0, 0), (0, letters - profile.frequencies.shape[-1])))
        share = profile.trust[:, None].astype(np.float32)
        return self.with_first_profile(share * carried + (1 - share) * self.cluster_profile[0])
