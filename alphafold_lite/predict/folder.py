"""The output folder of one target, under AlphaFold's file names. Every file appears whole or not at all."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from alphafold_lite.common.chains import CHAIN_IDS
from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs import pae_plot, scores
from alphafold_lite.outputs.files import RUN_FILE, SEARCH_FILE, fresh_output_folder, write_atomic
from alphafold_lite.outputs.run_record import RunRecord, package_versions, sha256_of
from alphafold_lite.predict.collect import Collected
from alphafold_lite.predict.familiar import chains_learnt, familiar_hits_note, familiar_note
from alphafold_lite.predict.predictor import Predictor
from alphafold_lite.predict.result import IPTM_WEIGHT, PTM_WEIGHT, UNTRAINED, FoldResult, ranking_scores
from data_pipeline.complexes import complex_note
from data_pipeline.feature_file import save_features
from data_pipeline.parsers.fasta import FastaRecord
from data_pipeline.templates.selection import TemplateOutcome


@dataclass(frozen=True, kw_only=True, slots=True)
class RunIdentity:
    """What decides the results of every target alike: the parts of `run.json` that a predictor knows before it sees a target."""

    configuration: dict[str, object]
    seeds: tuple[int, ...]
    parameters: tuple[dict[str, object], ...]
    device: str
    note: str | None
    learnt: frozenset[str] = frozenset()  # chains of the library that any of the networks was trained on


def run_identity(predictor: Predictor) -> RunIdentity:
    """The identity of a predictor's runs."""
    settings, placement, models = predictor.settings, predictor.placement, predictor.models
    threads = f", {predictor.num_threads} threads" if placement.device.type == "cpu" else ""
    return RunIdentity(
        configuration={
            "models": [model.source.name for model in models],
            "num_recycles": settings.num_recycles,
            "recycle_tolerance": settings.recycle_tolerance,
            "device": placement.device.type,
            "precision": placement.precision,
            "relax": predictor.relax_choice,
            "relaxation": asdict(predictor.relax_config),
            "sampling": {model.source.name: asdict(model.sampling) for model in models},
            "networks": {model.source.name: model.network.config.to_json_dict() for model in models},
        },
        seeds=tuple(settings.seed + number for number in range(settings.num_seeds)),
        parameters=tuple(
            {
                "name": model.source.name,
                "origin": Path(model.source.origin).name,
                "sha256": model.source.sha256,
                "untrained": model.source.untrained,
                "license": model.source.license,
            }
            for model in models
        ),
        device=f"{placement.device.type}, {placement.precision}{threads}",
        note=_note(predictor),
        learnt=chains_learnt(predictor),
    )


def target_record(identity: RunIdentity, record: FastaRecord, collected: Collected) -> RunRecord:
    """What decides the results of one target, and how its inputs were found."""
    return RunRecord(
        target=target_entry(record),
        configuration=identity.configuration
        | {
            "msas": list(collected.msas),
            "templates": [outcome.name for outcome in collected.outcomes if outcome.used],
        },
        seeds=identity.seeds,
        parameters=identity.parameters,
        msas={engine: sha256_of(text) for engine, text in collected.msas.items()},
        device=identity.device,
        searches=collected.searches,
        msa_depth=collected.depth.to_json_dict(),
        note=_joined(identity.note, familiar_note(collected, identity.learnt), complex_note(record.chains)),
    )


def adopted_record(
    identity: RunIdentity, record: FastaRecord, searched: RunRecord, outcomes: Iterable[TemplateOutcome]
) -> RunRecord:
    """The record of a target that was searched elsewhere, for a run that folds it: as `target_record` has it.

    Args:
        searched: the record that the search left.
        outcomes: the fate of its template hits.

    Raises:
        KeyError: a record that no search left.
    """
    found = {name: searched.configuration[name] for name in ("msas", "templates")}
    return replace(
        searched,
        target=target_entry(record),
        configuration=identity.configuration | found,
        seeds=identity.seeds,
        parameters=identity.parameters,
        device=identity.device,
        note=_joined(identity.note, familiar_hits_note(outcomes, identity.learnt), complex_note(record.chains)),
        versions=package_versions(),
    )


def target_entry(record: FastaRecord) -> dict[str, object]:
    """The entry `target` of `run.json`."""
    target: dict[str, object] = {
        "name": record.name,
        "header": record.header,
        "sequence": record.sequence,
        "replaced": [{"position": position, "letter": letter} for position, letter in record.replaced],
    }
    if len(record.chains) > 1:
        named = zip(CHAIN_IDS, record.chains, strict=False)  # there are more names than chains
        target["chains"] = [{"id": name, "sequence": sequence} for name, sequence in named]
    return target


def _note(predictor: Predictor) -> str | None:
    if predictor.untrained:
        return UNTRAINED
    return _joined(*dict.fromkeys(model.source.caution for model in predictor.models if model.source.caution))


def _joined(*notes: str | None) -> str | None:
    return "; ".join(note for note in notes if note is not None) or None


class TargetFolder:
    """Writes the results of one target into `OUT/NAME/`; a record without parameters, of a search alone, is `search.json` there.

    Raises:
        InputError: results of another configuration are there and `overwrite` is off, or the folder cannot be written.
    """

    def __init__(self, path: Path, record: RunRecord, *, overwrite: bool) -> None:
        name = RUN_FILE if record.parameters else SEARCH_FILE
        self.path = fresh_output_folder(path, record.fingerprint, overwrite=overwrite, record_name=name)
        self._note = record.note
        write_atomic(path / name, record.to_json())  # first, so that an interrupted run is known for what it is
        if name == RUN_FILE:
            (path / SEARCH_FILE).unlink(missing_ok=True)  # of an earlier search, which this run makes anew

    @classmethod
    def reopened(cls, path: Path) -> "TargetFolder":
        """A folder that was begun before, to be gone on with.

        Raises:
            InputError: it holds no readable `run.json`.
        """
        folder = cls.__new__(cls)
        folder.path = path
        try:
            folder._note = json.loads((path / RUN_FILE).read_text("utf-8"))["note"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"a readable {RUN_FILE} in {path}", str(error), "run it again with --overwrite") from error
        return folder

    def write_features(self, collected: Collected) -> None:
        """`features.npz`, `msas/ENGINE.a3m`, `templates.json` and the raw output of template searches."""
        for engine, text in collected.msas.items():
            write_atomic(self.path / "msas" / f"{engine}.a3m", text)
        for name, text in collected.texts.items():
            write_atomic(self.path / "msas" / name, text)
        if (templates := collected.templates_json()) is not None:
            write_atomic(self.path / "templates.json", templates)
        save_features(collected.features, self.path / "features.npz")

    def write_unrelaxed(self, result: FoldResult) -> None:
        """Structure and scores of one model and seed, before anything is relaxed; a picture of a complex's PAE where matplotlib is there."""
        write_atomic(self.path / f"unrelaxed_{result.stem}.pdb", result.unrelaxed_pdb())
        spans = result.chains
        confidence = scores.confidence_json(result.plddt, spans=spans, note=result.note)
        write_atomic(self.path / f"confidence_{result.stem}.json", confidence)
        if result.pae is None or result.max_pae is None:
            return
        write_atomic(self.path / f"pae_{result.stem}.json", scores.pae_json(result.pae, result.max_pae, spans=spans))
        if len(spans) > 1 and pae_plot.available():
            title = _joined(result.stem, "UNTRAINED, not a prediction" if result.untrained else None) or ""
            png = pae_plot.pae_png(result.pae, result.max_pae, spans, title=title)
            write_atomic(self.path / f"pae_{result.stem}.png", png)

    def write_ranking(self, ranked: tuple[FoldResult, ...]) -> None:
        """`ranking_debug.json`, best first, by what `ranking_scores` says; for complexes also the parts of that score, and mean pLDDT."""
        name, values = ranking_scores(ranked)
        stems, note, parts = [result.stem for result in ranked], self._note, None
        if name == "iptm+ptm":
            note = _joined(note, f"ranked by {IPTM_WEIGHT:g} ipTM + {PTM_WEIGHT:g} pTM")
            parts = {
                "iptm": {result.stem: result.iptm for result in ranked if result.iptm is not None},
                "ptm": {result.stem: result.ptm for result in ranked if result.ptm is not None},
                "plddts": {result.stem: result.mean_plddt for result in ranked},
            }
        elif len(ranked[0].chains) > 1:
            note = _joined(note, "ranked by mean pLDDT: not all of the models have a PAE head, which ipTM and pTM need")
        by_model = dict(zip(stems, values, strict=True))
        text = scores.ranking_debug_json(by_model, score_name=name, parts=parts, note=note)
        write_atomic(self.path / "ranking_debug.json", text)

    def write_relaxed(self, result: FoldResult, rank: int) -> None:
        """`relaxed_….pdb` where there is one, and `ranked_RANK.pdb` from it or from the unrelaxed structure."""
        text = result.pdb()
        if result.relaxed is not None:
            write_atomic(self.path / f"relaxed_{result.stem}.pdb", text)
        write_atomic(self.path / f"ranked_{rank}.pdb", text)

    def write_metrics(self, ranked: tuple[FoldResult, ...], seconds: dict[str, float]) -> None:
        """`relax_metrics.json` for the structures that relaxation was tried on, and `timings.json`."""
        metrics = {
            result.stem: {
                **{name: value for name, value in asdict(tried.metrics).items() if name != "seconds"},
                "remaining_violations_count": sum(tried.metrics.remaining_violations),
                "status": tried.status,
                "message": tried.message,
            }
            for result in ranked
            if (tried := result.relaxation) is not None
        }
        write_atomic(self.path / "relax_metrics.json", scores.relax_metrics_json(metrics, note=self._note))
        write_atomic(self.path / "timings.json", scores.timings_json(seconds, note=self._note))
