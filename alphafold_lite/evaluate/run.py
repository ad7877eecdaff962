"""Predict chains of known structure one after another and score each."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from alphafold_lite.common.errors import InputError, MissingResourceError, TargetError
from alphafold_lite.common.features import Features
from alphafold_lite.evaluate.inputs import Source, chain_features, choose_source, draw, library_query
from alphafold_lite.evaluate.leave_out import LeaveOut, choose
from alphafold_lite.evaluate.scores import ChainScores, score_chain
from alphafold_lite.evaluate.selection import chosen
from alphafold_lite.evaluate.settings import EvaluationSettings
from alphafold_lite.geometry.violations import violating_residues
from alphafold_lite.inference import recycling
from alphafold_lite.model.batch import Batch
from alphafold_lite.predict.device import is_out_of_memory, out_of_memory
from alphafold_lite.predict.predictor import Predictor
from alphafold_lite.predict.progress import Progress
from alphafold_lite.predict.result import FoldResult, to_result
from alphafold_lite.relax import relaxation
from alphafold_lite.relax.result import RelaxResult
from alphafold_lite.training.chains import Chain, ChainSet
from data_pipeline.config import LIBRARY, NO_TEMPLATES, SearchConfig
from data_pipeline.parsers.fasta import sequence_record
from data_pipeline.searcher import ANY_IDENTITY

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class RelaxedScores:
    """The same chain after relaxation."""

    result: RelaxResult
    scores: ChainScores


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainReport:
    """One chain: the scores of the network's own structure, and of the relaxed one where that was asked for."""

    scores: ChainScores
    relaxed: RelaxedScores | None
    seconds: float

    def to_json_dict(self) -> dict[str, object]:
        """An entry of `chains`."""
        entry = self.scores.to_json_dict() | {"seconds": round(self.seconds, 3)}
        if self.relaxed is None:
            return entry
        metrics = self.relaxed.result.metrics
        after = {
            name: value
            for name, value in self.relaxed.scores.to_json_dict().items()
            if name not in ("id", "cluster", "length")
        }
        return entry | {
            "relaxed": {
                "status": self.relaxed.result.status,
                "violating_before": metrics.violating_before,
                "violating_after": metrics.violating_after,
                "seconds": metrics.seconds,
                **after,
            }
        }


class Evaluation:
    """The chains of one dataset and the network that predicts them. `reports` and `failures` grow as chains are done.

    Raises:
        InputError: a dataset or parameters that cannot be used, or inputs that its chains do not have.
        MissingResourceError: no parameters, no such device, or no relaxation here.
    """

    def __init__(self, settings: EvaluationSettings, *, progress: Progress | None = None) -> None:
        if settings.num_relaxed and (reason := relaxation.available()) is not None:
            raise MissingResourceError("a way to relax structures", reason, "install it, or leave --relax out")
        self.settings = settings
        self.chains = chosen(ChainSet.open(settings.dataset), settings)
        self.source: Source = choose_source(settings.inputs, self.chains)
        prediction = replace(settings.prediction, relax="none")
        search = SearchConfig(
            msa_modes=None if self.source == "search" else ("single",),
            templates=LIBRARY if settings.templates == "library" else NO_TEMPLATES,
        )
        self.predictor = Predictor(settings.params, settings=prediction, search=search, progress=progress)
        self.model = self.predictor.models[0]
        self.reports: list[ChainReport] = []
        self.failures: dict[str, str] = {}
        if settings.templates != "none" and self.model.network.config.template is None:
            found = f"{self.model.source.name}, which reads none"
            raise InputError("a model that reads templates (--templates)", found, "choose another model")
        self.rule: LeaveOut | None = None
        if settings.uses_library and self.predictor.searcher is not None:
            library = self.predictor.searcher.library
            self.rule = choose(settings.leave_out, frozenset(self.chains.ids), library)

    def run(self) -> Iterator[ChainReport]:
        """Predict and score every chain, in the order of the dataset; those that fail are noted and left out."""
        for number, chain in enumerate(self.chains):
            self.predictor.progress.target(chain.id, number + 1, len(self.chains))
            self.predictor.progress.stage("predict")
            started = time.monotonic()
            try:
                result = self.predict(chain)
            except TargetError as error:
                self.failures[chain.id] = str(error)
                log.error("%s: %s", chain.id, error)
                continue
            scores = score_chain(result.unrelaxed, result.plddt, chain)
            relaxed = self._relaxed(result, chain) if number < self.settings.num_relaxed else None
            self.reports.append(ChainReport(scores=scores, relaxed=relaxed, seconds=time.monotonic() - started))
            yield self.reports[-1]

    def predict(self, chain: Chain) -> FoldResult:
        """The network's own structure; equal to what `predict` gives for the same seed and inputs.

        Raises:
            TargetError: the chain does not fit in memory, or the network gives no finite coordinates.
        """
        features = self.features(chain)
        self.predictor.check_memory(features)
        prediction, placement, network = self.settings.prediction, self.predictor.placement, self.model.network
        template = network.config.template
        num_templates = 0 if template is None else template.max_templates

        def inputs(number_of_pass: int) -> Sequence[Batch]:
            rng = np.random.default_rng((prediction.seed, number_of_pass))
            sampled = draw(features, chain, self.source, self.model.sampling, rng)
            return (Batch.from_features(sampled, device=placement.device, num_templates=num_templates),)

        try:
            folded = recycling.fold(
                network,
                inputs,
                num_recycles=prediction.num_recycles,
                tolerance=prediction.recycle_tolerance,
                precision=placement.precision,
            )
        except (MemoryError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise out_of_memory(placement.device, num_res=len(chain.sequence)) from error
            raise
        if not torch.isfinite(folded.prediction.atom37_positions).all():
            found = "numbers that are not finite"
            raise TargetError(f"coordinates for {chain.id}", found, "check how the parameters were trained")
        return to_result(folded, features, source=self.model.source, number=0, seed=prediction.seed)

    def features(self, chain: Chain) -> Features:
        """What the network is given; with inputs `search` exactly what `predict` would make of the sequence, but for what is left out."""
        rule = self.rule
        excluded = frozenset[str]() if rule is None else rule.excluded(chain)
        most = ANY_IDENTITY if rule is None else rule.max_identity
        if self.source == "search":
            record = sequence_record(chain.sequence, name=chain.id)
            return self.predictor.collect(record, exclude=excluded, max_identity=most).features
        features = chain_features(chain, self.source, own_template=self.settings.templates == "self")
        if self.settings.templates != "library" or self.predictor.searcher is None:
            return features
        found = self.predictor.searcher.gather(library_query(chain), given=(), exclude=excluded, max_identity=most)
        carried = None if self.source == "profile" else found.carried
        return replace(features, templates=found.templates.features, carried=carried)

    def _relaxed(self, result: FoldResult, chain: Chain) -> RelaxedScores:
        self.predictor.progress.stage("relax")
        found = relaxation.relax(result.unrelaxed, violating_residues, self.predictor.relax_config)
        return RelaxedScores(result=found, scores=score_chain(found.protein, result.plddt, chain))
