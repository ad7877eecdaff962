"""`Predictor`: parameters loaded once, any number of sequences folded. `fold` is the one-call form."""

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Unpack

import numpy as np
import torch

from alphafold_lite.common.errors import InputError
from alphafold_lite.common.features import Features
from alphafold_lite.geometry.violations import violating_residues
from alphafold_lite.inference import recycling
from alphafold_lite.kernels.fast import fast
from alphafold_lite.model.alphafold import AlphaFold
from alphafold_lite.model.batch import Batch
from alphafold_lite.predict.collect import Collected, collect
from alphafold_lite.predict.costs import Costs, load_of
from alphafold_lite.predict.device import (
    check_fits,
    is_out_of_memory,
    out_of_memory,
    place,
)
from alphafold_lite.predict.forecast import Load
from alphafold_lite.predict.progress import Progress, Silent, watched_blocks
from alphafold_lite.predict.result import FoldResult, ranking_scores, to_result
from alphafold_lite.predict.settings import RelaxChoice, Settings, SettingsKeywords
from alphafold_lite.presets import model_config, rows_of
from alphafold_lite.relax import relaxation
from alphafold_lite.relax.result import RelaxConfig
from alphafold_lite.weights.registry import ParameterSource, resolve
from data_pipeline.config import NO_TEMPLATES, SearchConfig
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.parsers.fasta import FastaRecord, sequence_record
from data_pipeline.pipeline import read_alignment
from data_pipeline.sampling import SamplingConfig, sample
from data_pipeline.searcher import ANY_IDENTITY, Searcher

log = logging.getLogger(__name__)
WEAKEST_HIT = 1.0  # E-value of templates for networks that are told it, as they were trained
UNTRAINED_ITERATIONS = 200  # of the minimiser, a round


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedModel:
    """A network with its parameters, and the MSA depth it reads."""

    source: ParameterSource
    network: AlphaFold
    sampling: SamplingConfig


class Predictor:
    """Loads parameters once and folds many sequences.

    Args:
        params: `random:SEED` (untrained), a file or folder of parameters, `lite`; None takes the official ones where they are found, else
            the bundled `lite`.
        settings: everything else; the defaults of `Settings` if left out.
        search: where alignments and templates are looked for; the defaults of `SearchConfig` (the embedded library) if left out.
        progress: told about stages, recycles and blocks.
        keywords: single fields of `Settings`, before those of `settings`.

    Raises:
        InputError: a setting or a parameter file that cannot be used.
        MissingResourceError: no parameters, or a device that is not there.
    """

    def __init__(
        self,
        params: str | None = None,
        *,
        settings: Settings | None = None,
        search: SearchConfig | None = None,
        progress: Progress | None = None,
        **keywords: Unpack[SettingsKeywords],
    ) -> None:
        self.settings = replace(settings or Settings(), **keywords)
        self.progress = progress or Silent()
        self.placement = place(self.settings.device, self.settings.precision)
        self.relax_choice: RelaxChoice = self.settings.relax
        if self.relax_choice != "none" and (reason := relaxation.available()) is not None:
            self.relax_choice = "none"
            log.warning("structures stay unrelaxed: %s", reason)
        self.search = search or SearchConfig()
        self.costs = Costs()
        self.models = tuple(self._load(source) for source in resolve(params, self.settings.models, model_config))
        for model in self.models:
            if model.source.caution:
                log.warning("%s", model.source.caution)

    def _load(self, source: ParameterSource) -> LoadedModel:
        self.progress.stage(f"load {source.origin}")
        clusters, extra = rows_of(source)
        template = source.config.template
        return LoadedModel(
            source=source,
            network=source.load(fast()).to(self.placement.device),
            sampling=SamplingConfig(
                max_clusters=self.settings.max_clusters or clusters,
                max_extra=self.settings.max_extra or extra,
                max_templates=0 if template is None else template.max_templates,
                carried_profile=source.carried_profile,
            ),
        )

    @property
    def search_in_use(self) -> SearchConfig:
        """The search settings, without templates where no model reads them.

        Raises:
            InputError: templates are required of models that read none.
        """
        config, templates = self.search, [model.network.config.template for model in self.models]
        reads = any(template is not None for template in templates)
        if not reads and config.require_template:
            found = ", ".join(model.source.name for model in self.models)
            raise InputError("a model that reads templates (--require-template)", found, "choose another model")
        if any(template is not None and template.hit_quality for template in templates):
            config = replace(config, selection=replace(config.selection, max_e_value=WEAKEST_HIT))
        if not reads and not any(model.sampling.carried_profile for model in self.models):
            config = replace(config, templates=NO_TEMPLATES, template_files=())
        return config

    @cached_property
    def searcher(self) -> Searcher | None:
        """What searches, made at the first query and kept; None where nothing is to be searched.

        Raises:
            InputError: settings of the search that do not fit together.
            MissingResourceError: a database that is not there.
        """
        config = self.search_in_use
        return None if config.searches_nothing else Searcher(config)

    def prepare_search(self) -> None:
        """Open what searches need; errors as `searcher`."""
        _ = self.searcher

    def collect(
        self,
        record: FastaRecord,
        alignments: Sequence[Alignment] = (),
        *,
        exclude: Collection[str] = (),
        max_identity: float = ANY_IDENTITY,
    ) -> Collected:
        """Features of one record by the search settings; see `collect.collect`."""
        return collect(record, alignments, self.searcher, exclude=exclude, max_identity=max_identity)

    @property
    def num_threads(self) -> int:
        """CPU threads; results are the same bytes for the same number."""
        return torch.get_num_threads()

    @property
    def untrained(self) -> bool:
        """Whether any of the parameters are random."""
        return any(model.source.untrained for model in self.models)

    @property
    def relax_config(self) -> RelaxConfig:
        """AlphaFold's values; structures of untrained models have no minimum worth the wait, so their iterations are capped."""
        return RelaxConfig(max_iterations=UNTRAINED_ITERATIONS) if self.untrained else RelaxConfig()

    def fold(self, sequence: str, *, name: str = "target", msa: Sequence[str | Path] = ()) -> FoldResult:
        """The best-ranked result for one chain, or for several as a complex, relaxed as the settings say.

        Args:
            sequence: residue letters; lower case, white space and a final `*` are accepted, B J O U X Z become X; `:` between chains.
            msa: alignments (A3M or Stockholm files) whose first row is the sequence (of a complex: all chains one after another, or one of
                them); none: what the search finds.

        Raises:
            InputError: a sequence or an alignment that cannot be used.
            TargetError: the run does not fit in memory.
        """
        return self.fold_all(sequence, name=name, msa=msa)[0]

    def fold_all(
        self, sequence: str, *, name: str = "target", msa: Sequence[str | Path] = ()
    ) -> tuple[FoldResult, ...]:
        """The results of every model and seed, best first; arguments and errors as `fold`."""
        record = sequence_record(sequence, name=name)
        features = self.collect(record, [read_alignment(path) for path in msa]).features
        self.check_memory(features)
        results = ranked([self.run(features, model, number) for model, number in self.runs()])
        return tuple(self.relax(result, rank) for rank, result in enumerate(results))

    def runs(self) -> Iterator[tuple[LoadedModel, int]]:
        """Every model with every number N of `pred_N`."""
        return ((model, number) for model in self.models for number in range(self.settings.num_seeds))

    def run(self, features: Features, model: LoadedModel, number: int) -> FoldResult:
        """One model, one seed, no relaxation. The MSA is sampled anew for every pass (supplement 1.11.2)."""
        seed, device, settings = self.settings.seed + number, self.placement.device, self.settings

        def inputs(number_of_pass: int) -> Sequence[Batch]:
            self.progress.recycle(number_of_pass + 1, settings.num_recycles + 1)
            return (self.draw(features, model, seed, number_of_pass),)

        try:
            with watched_blocks(model.network.evoformer.blocks, self.progress):
                folded = recycling.fold(
                    model.network,
                    inputs,
                    num_recycles=settings.num_recycles,
                    tolerance=settings.recycle_tolerance,
                    precision=self.placement.precision,
                )
        except (MemoryError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise out_of_memory(device, num_res=len(features.sequence)) from error
            raise
        band = settings.distogram_band
        return to_result(folded, features, source=model.source, number=number, seed=seed, band=band)

    def draw(self, features: Features, model: LoadedModel, seed: int, number_of_pass: int) -> Batch:
        """The network's input for one pass."""
        sampled = sample(features, model.sampling, np.random.default_rng((seed, number_of_pass)))
        return Batch.from_features(sampled, device=self.placement.device, num_templates=model.sampling.max_templates)

    def check_length(self, num_res: int) -> None:
        """Raise TargetError where a chain of this length cannot fit whatever its alignment, before anything is searched."""
        peaks = [
            self.costs.bytes_beyond(model.network.config, self.placement, Load(num_res=num_res))
            for model in self.models
        ]
        check_fits(max(peaks), self.placement.device, num_res=num_res)

    def check_memory(self, features: Features) -> None:
        """Raise TargetError where any of the models would need more memory than is free."""
        num_res, rows, templates = len(features.sequence), len(features.msa), features.templates is not None
        peaks = [
            self.costs.bytes_beyond(
                model.network.config,
                self.placement,
                load_of(model.sampling, num_res=num_res, rows=rows, templates=templates),
            )
            for model in self.models
        ]
        check_fits(max(peaks), self.placement.device, num_res=num_res)

    def relaxes(self, rank: int) -> bool:
        """Whether the structure of this rank (0 is the best) is to be relaxed."""
        return self.relax_choice == "all" or (self.relax_choice == "best" and rank == 0)

    def relax(self, result: FoldResult, rank: int) -> FoldResult:
        """The result after relaxation if its rank is to be relaxed, else as it was. Never raises for a structure."""
        if not self.relaxes(rank):
            return result
        return result.with_relaxation(relaxation.relax(result.unrelaxed, violating_residues, self.relax_config))


def ranked(results: Sequence[FoldResult]) -> tuple[FoldResult, ...]:
    """Best first by `ranking_scores`; equal ones stay in order."""
    _, scores = ranking_scores(results)
    return tuple(results[number] for number in sorted(range(len(results)), key=lambda number: -scores[number]))


def fold(
    sequence: str,
    *,
    params: str | None = None,
    msa: Sequence[str | Path] = (),
    search: SearchConfig | None = None,
    **keywords: Unpack[SettingsKeywords],
) -> FoldResult:
    """Fold one sequence and return the best-ranked result: `fold("MKTAYIAKQR").save("out.pdb")`. See `Predictor`."""
    return Predictor(params, search=search, **keywords).fold(sequence, msa=msa)
