"""The averaged parameters on a fixed sample of validation chains: lDDT-CA, TM-score, correlation of pLDDT with lDDT, as numbers from 0 to 1."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from alphafold_lite import confidence
from alphafold_lite.common import residue_constants as rc
from alphafold_lite.inference.recycling import fold
from alphafold_lite.metrics.calibration import correlation
from alphafold_lite.metrics.lddt import lddt
from alphafold_lite.metrics.superposition import rmsd, superposition_scores
from alphafold_lite.model.alphafold import AlphaFold
from alphafold_lite.training.chains import ChainSet
from alphafold_lite.training.config import TrainingConfig
from alphafold_lite.training.crops import middle_crop
from alphafold_lite.training.dataset import Example, assemble, collate, corrupted_templates
from alphafold_lite.training.homologues import Homologues, Relatives
from alphafold_lite.training.inputs import DEEP, first_possible
from alphafold_lite.training.plan import Plan, max_templates
from alphafold_lite.training.randomness import Purpose, generator

CA = rc.atom_order["CA"]
WITHOUT = "none"
PREFIX = {WITHOUT: "", "corrupted": "template_", "homologues": "homologue_"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """One predicted chain. Arrays hold the residues that have a judged neighbour."""

    lddt: float
    tm: float
    rmsd: float  # Å
    residue_lddt: Float[np.ndarray, "N_judged"]
    residue_plddt: Float[np.ndarray, "N_judged"]


class Validation:
    """A fixed sample, made once: at most one chain of a cluster unless the configuration says otherwise, the same for every step and number of processes."""

    def __init__(self, config: TrainingConfig, sets: Sequence[ChainSet], homologues: Homologues | None = None) -> None:
        self.config, self.homologues = config, homologues
        self.crops = [middle_crop(sets[i][j], config.validation.max_length) for i, j in _choose(config, sets)]

    def run(self, model: AlphaFold, device: torch.device) -> dict[str, float]:
        """Means over chains, by name: `lddt_ca`, `tm`, `rmsd_ca` (Å), `plddt_r`; with templates, the same after `template_` or `homologue_`."""
        found: dict[str, float] = {}
        modes = [mode for mode in self.config.validation.templates if self._is_possible(mode)]
        model.eval()
        try:
            with torch.compiler.set_stance("force_eager"):  # each length would be compiled anew
                for mode in modes:
                    scores = summarise(self.scores(model, device, mode))
                    found |= {f"{PREFIX[mode]}{name}": value for name, value in scores.items()}
        finally:
            model.train()
        return found

    def scores(self, model: AlphaFold, device: torch.device, mode: str) -> list[Scores]:
        """Of every chain of the sample, by a network in evaluation mode."""
        numbers = range(len(self.crops))
        return [predict_and_score(model, self._example(number, mode), self.config, device) for number in numbers]

    def _is_possible(self, mode: str) -> bool:
        """Templates need a stack that reads them, and relatives a file that names them."""
        if mode == WITHOUT:
            return True
        return self.config.model.template is not None and (mode != "homologues" or self.homologues is not None)

    def _example(self, number: int, mode: str) -> Example:
        config, crop = self.config, self.crops[number]
        rng = generator(config.run.seed, Purpose.VALIDATION, 1, number)
        kind = first_possible(crop, config.validation.inputs)
        shared = Plan(
            passes=config.validation.num_recycles + 1,
            deep=kind in DEEP,
            templates=max_templates(config) if mode != WITHOUT else 0,
        )
        relatives = None
        if self.homologues is not None:
            relatives = Relatives(hits=self.homologues.hits(crop.chain.id), source=self.homologues)
        if mode == "homologues" and relatives is not None:
            templates = relatives.templates(crop, shared.templates)
        else:
            templates = corrupted_templates(crop, config.data.templates.corruption, rng, count=shared.templates)
        carried = None if relatives is None else relatives.carried(crop)
        data = replace(config.data, crop_size=crop.stop - crop.start, masked_fraction=0.0, block_deletion=False)
        return assemble(crop, kind, replace(config, data=data), shared, rng, templates=templates, carried=carried)


def predict_and_score(model: AlphaFold, example: Example, config: TrainingConfig, device: torch.device) -> Scores:
    """Predict one example with its recycles and compare it with its own structure."""
    batch = collate([example]).map(lambda t: t[0].to(device))
    folded = fold(
        model,
        lambda number: (batch.passes[number],),
        num_recycles=len(batch.passes) - 1,
        precision=config.step.precision,
    )
    prediction = folded.prediction
    ours = prediction.atom37_positions[:, CA].float().cpu().numpy()
    plddt = confidence.plddt(prediction.logits.plddt).float().cpu().numpy() / 100
    known = example.mask[:, CA] > 0
    true = example.positions[:, CA]
    local = lddt(ours, true, known)
    judged = local.num_neighbours > 0
    return Scores(
        lddt=local.score,
        tm=superposition_scores(ours, true, known).tm,
        rmsd=rmsd(ours, true, known),
        residue_lddt=local.per_residue[judged],
        residue_plddt=plddt[judged],
    )


def summarise(scores: Sequence[Scores]) -> dict[str, float]:
    """Means over chains; the correlation is over residues and left out where it is not defined."""
    found = {
        "lddt_ca": float(np.mean([s.lddt for s in scores])),
        "tm": float(np.mean([s.tm for s in scores])),
        "rmsd_ca": float(np.mean([s.rmsd for s in scores])),
    }
    plddt, true = (np.concatenate([getattr(s, name) for s in scores]) for name in ("residue_plddt", "residue_lddt"))
    r = correlation(plddt, true, np.repeat(np.arange(len(scores)), [len(s.residue_lddt) for s in scores])).value
    return found if r is None else found | {"plddt_r": r}


def _choose(config: TrainingConfig, sets: Sequence[ChainSet]) -> list[tuple[int, int]]:
    places = [(i, j) for i, chains in enumerate(sets) for j in range(len(chains))]
    order = generator(config.run.seed, Purpose.VALIDATION, 0).permutation(len(places))
    seen: set[tuple[int, int]] = set()
    chosen: list[tuple[int, int]] = []
    for i, j in (places[n] for n in order):
        cluster = (i, int(sets[i].clusters[j]))
        if (cluster not in seen or not config.validation.one_of_cluster) and int(
            sets[i].lengths[j]
        ) >= config.data.min_length:
            seen.add(cluster)
            chosen.append((i, j))
    return chosen[: config.validation.count]


def best_of(metrics: dict[str, float]) -> float:
    """One number to choose parameters by: the mean of TM-score and lDDT, over both ways of using templates."""
    return float(np.mean([value for name, value in metrics.items() if name.endswith(("lddt_ca", "tm"))]))
