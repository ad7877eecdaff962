"""One predicted chain against the known structure. Scores 0 to 1, Å."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.protein import Protein
from alphafold_lite.metrics.backbone import Ramachandran, chain_breaks, ramachandran
from alphafold_lite.metrics.clashes import count_clashes
from alphafold_lite.metrics.lddt import lddt
from alphafold_lite.metrics.sidechains import Chi1Accuracy, chi1_accuracy
from alphafold_lite.metrics.superposition import SuperpositionScores, rmsd, superposition_scores
from alphafold_lite.training.chains import Chain

CA = rc.atom_order["CA"]
DIGITS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainScores:
    """Everything measured on one prediction. The arrays hold the residues with a known CA atom and a neighbour to judge."""

    id: str
    cluster: int
    length: int
    lddt_ca: float
    superposition: SuperpositionScores
    rmsd_ca: float
    num_clashes: int
    num_breaks: int
    num_links: int
    ramachandran: Ramachandran
    chi1: Chi1Accuracy
    plddt: float  # mean over all residues
    residue_plddt: Float[np.ndarray, "N_judged"]
    residue_lddt: Float[np.ndarray, "N_judged"]

    def to_json_dict(self) -> dict[str, object]:
        """One entry of `chains`; shares without a denominator are null."""
        rama, chi1 = self.ramachandran, self.chi1
        one, two, four, eight = self.superposition.within
        values = {
            "lddt_ca": self.lddt_ca,
            "tm": self.superposition.tm,
            "gdt_ts": self.superposition.gdt_ts,
            "within_1_2_4_8": [round(share, DIGITS) for share in (one, two, four, eight)],
            "rmsd_ca": self.rmsd_ca,
            "plddt": self.plddt,
            "clashes": self.num_clashes,
            "chain_breaks": self.num_breaks,
            "links": self.num_links,
            "ramachandran_favoured": _share(rama.num_favoured, rama.num_residues),
            "ramachandran_allowed": _share(rama.num_favoured + rama.num_allowed, rama.num_residues),
            "chi1": _share(chi1.num_correct, chi1.num_residues),
            "chi1_buried": _share(chi1.num_buried_correct, chi1.num_buried),
        }
        rounded = {name: round(value, DIGITS) if isinstance(value, float) else value for name, value in values.items()}
        return {"id": self.id, "cluster": self.cluster, "length": self.length, **rounded}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def score_chain(predicted: Protein, plddt: Float[np.ndarray, "N_res"], chain: Chain) -> ChainScores:
    """Compare residue by residue.

    Args:
        plddt: 0 to 100, as confidence scores are reported.
    """
    true = chain.protein
    ours, theirs = predicted.atom_positions[:, CA], true.atom_positions[:, CA]
    known = true.atom_mask[:, CA] > 0
    both = known & (predicted.atom_mask[:, CA] > 0)
    local = lddt(ours, theirs, both)
    judged = local.num_neighbours > 0
    num_breaks, num_links = chain_breaks(predicted)
    return ChainScores(
        id=chain.id,
        cluster=chain.cluster,
        length=len(chain.sequence),
        lddt_ca=local.score,
        superposition=superposition_scores(ours, theirs, both, native_length=int(known.sum())),
        rmsd_ca=rmsd(ours, theirs, both),
        num_clashes=count_clashes(predicted),
        num_breaks=num_breaks,
        num_links=num_links,
        ramachandran=ramachandran(predicted),
        chi1=chi1_accuracy(predicted, true),
        plddt=float(plddt.mean(dtype=np.float64)) / 100,
        residue_plddt=plddt[judged] / 100,
        residue_lddt=local.per_residue[judged],
    )
