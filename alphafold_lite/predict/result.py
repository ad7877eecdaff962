"""One predicted structure with its scores, as `fold` returns it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from alphafold_lite import confidence
from alphafold_lite.common.chains import ChainSpan, chain_spans, residue_numbers
from alphafold_lite.common.errors import InputError
from alphafold_lite.common.features import Features
from alphafold_lite.common.protein import Protein
from alphafold_lite.inference.recycling import Folded
from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.outputs.pdb import to_pdb
from alphafold_lite.predict.distogram import log_probabilities
from alphafold_lite.relax.result import RelaxResult
from alphafold_lite.weights.registry import ParameterSource

UNTRAINED = "UNTRAINED: random parameters; this structure and its scores are not a prediction"
MODELLED = "predicted by alphafold_lite; B-factor column: pLDDT, 0-100"
IPTM_WEIGHT, PTM_WEIGHT = 0.8, 0.2  # of the score that ranks complexes, as in AlphaFold-Multimer


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldResult:
    """What one model and seed made of one target. pLDDT 0-100, PAE in Å; PAE, pTM and ipTM are None where the model has no such head.

    ipTM, the pTM over pairs of residues of different chains, is None for a single chain too.
    """

    model: str
    number: int  # N of pred_N
    seed: int
    untrained: bool
    unrelaxed: Protein
    plddt: Float[np.ndarray, "N_res"]
    ptm: float | None
    pae: Float[np.ndarray, "N_res N_res"] | None
    max_pae: float | None
    num_recycles: int  # made, which may be fewer than asked for
    relaxation: RelaxResult | None = None
    iptm: float | None = None
    caution: str = ""  # what the parameters say of their accuracy
    distogram: Float[np.ndarray, "N_pairs bins"] | None = None  # see `predict.distogram`; None unless asked for

    @property
    def stem(self) -> str:
        """`MODEL_pred_N`, the part that AlphaFold's file names share. The names of untrained models say so."""
        model = self.model if not self.untrained or "untrained" in self.model else f"untrained_{self.model}"
        return f"{model}_pred_{self.number}"

    @property
    def mean_plddt(self) -> float:
        """Mean over all residues."""
        return float(self.plddt.mean(dtype=np.float64))

    @property
    def interface_score(self) -> float | None:
        """0.8 ipTM + 0.2 pTM, as AlphaFold-Multimer ranks complexes; None for a single chain or without a PAE head."""
        return None if self.iptm is None or self.ptm is None else IPTM_WEIGHT * self.iptm + PTM_WEIGHT * self.ptm

    @property
    def chains(self) -> tuple[ChainSpan, ...]:
        """Names and rows of the chains."""
        return chain_spans(self.unrelaxed.chain_index)

    @property
    def relaxed(self) -> Protein | None:
        """The relaxed structure, or None where there is none."""
        return self.relaxation.protein if self.relaxation is not None and self.relaxation.relaxed else None

    @property
    def protein(self) -> Protein:
        """The relaxed structure where there is one, else the network's own."""
        return self.relaxed or self.unrelaxed

    @property
    def note(self) -> str | None:
        """What every output carries: of an untrained model, or of one that says how accurate it is."""
        return UNTRAINED if self.untrained else self.caution or None

    def unrelaxed_pdb(self) -> str:
        """PDB text of the network's own structure."""
        return to_pdb(self.unrelaxed, remarks=self._remarks("unrelaxed"))

    def pdb(self) -> str:
        """PDB text of the relaxed structure (with its hydrogens) where there is one, else of the network's own."""
        if self.relaxation is None or self.relaxed is None:
            return self.unrelaxed_pdb()
        remarks = self._remarks("relaxed with the Amber ff99SB force field")
        return to_pdb(self.relaxed, remarks=remarks, hydrogens=self.relaxation.hydrogens)

    def save(self, path: str | Path) -> None:
        """Write `pdb()` to a file that ends in .pdb.

        Raises:
            InputError: another ending, or a folder that cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() != ".pdb":
            raise InputError("a file name that ends in .pdb", repr(path.name), "name it for example out.pdb")
        write_atomic(path, self.pdb())

    def with_relaxation(self, relaxation: RelaxResult) -> "FoldResult":
        """The same result after relaxation."""
        return replace(self, relaxation=relaxation)

    def _remarks(self, kind: str) -> tuple[str, ...]:
        lines = (MODELLED, f"model {self.model}, seed {self.seed}, {kind}")
        if len(self.chains) > 1:
            lines += (f"chains {', '.join(chain.id for chain in self.chains)} predicted together as a complex",)
        return lines if self.note is None else (self.note, *lines)


def ranking_scores(results: Sequence[FoldResult]) -> tuple[str, list[float]]:
    """What results of one target are ranked by, the highest first, under AlphaFold's name for it.

    Complexes by `interface_score` ("iptm+ptm") as AlphaFold-Multimer; single chains, and complexes where any of the models has no PAE head,
    by mean pLDDT ("plddts") as AlphaFold.
    """
    scores = [result.interface_score for result in results]
    whole = [score for score in scores if score is not None]
    if whole and len(whole) == len(scores):
        return "iptm+ptm", whole
    return "plddts", [result.mean_plddt for result in results]


def to_result(
    folded: Folded, features: Features, *, source: ParameterSource, number: int, seed: int, band: int = 0
) -> FoldResult:
    """Scores from logits, and the structure as a `Protein` that carries pLDDT as B-factors; each chain of a complex is numbered from 1.

    Args:
        band: width of the distogram that is handed out; 0: none is.
    """
    prediction = folded.prediction
    plddt = _array(confidence.plddt(prediction.logits.plddt))
    mask = _array(prediction.atom37_mask)
    spans = chain_spans(features.chain_index)
    ptm = iptm = pae = max_pae = None
    if prediction.logits.pae is not None:
        pae, max_pae = confidence.predicted_aligned_error(prediction.logits.pae)
        ptm = float(confidence.ptm(prediction.logits.pae))
        if len(spans) > 1:
            chain_index = torch.as_tensor(features.chain_index, device=prediction.logits.pae.device)
            iptm = float(confidence.ptm(prediction.logits.pae, asym_id=chain_index))
    return FoldResult(
        model=source.name,
        number=number,
        seed=seed,
        untrained=source.untrained,
        caution=source.caution,
        unrelaxed=Protein(
            atom_positions=_array(prediction.atom37_positions) * mask[..., None],
            atom_mask=mask,
            aatype=features.aatype,
            residue_index=features.residue_index + 1 if len(spans) == 1 else residue_numbers(spans),
            chain_index=features.chain_index,
            b_factors=plddt[:, None] * mask,
        ),
        plddt=plddt,
        ptm=ptm,
        pae=None if pae is None else _array(pae),
        max_pae=None if max_pae is None else float(max_pae),
        num_recycles=folded.passes - 1,
        iptm=iptm,
        distogram=log_probabilities(prediction.logits.distogram, band) if band else None,
    )


def _array(values: torch.Tensor) -> np.ndarray:
    return values.detach().to("cpu", torch.float32).numpy()
