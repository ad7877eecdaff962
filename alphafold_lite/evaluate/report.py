"""The JSON of an evaluation: what was evaluated with what, figures, calibration table, chains."""

from collections import Counter
from collections.abc import Sequence

from alphafold_lite.evaluate.run import ChainReport, Evaluation
from alphafold_lite.evaluate.summary import calibration_table, summarise
from alphafold_lite.outputs.run_record import package_versions, sha256_of
from alphafold_lite.outputs.scores import to_json
from alphafold_lite.predict.result import UNTRAINED


def report_json(evaluation: Evaluation) -> str:
    """Everything known so far; `complete` is false while chains are missing, as after an interruption."""
    scores = [report.scores for report in evaluation.reports]
    seed, untrained = evaluation.settings.prediction.seed, evaluation.predictor.untrained
    content: dict[str, object] = {
        "complete": len(evaluation.reports) + len(evaluation.failures) == len(evaluation.chains),
        "untrained": untrained,
        "note": UNTRAINED if untrained else evaluation.model.source.caution or None,
        "run": _run(evaluation),
        "summary": summarise(scores, seed=seed),
        "calibration": calibration_table(scores, seed=seed),
        "chains": [report.to_json_dict() for report in evaluation.reports],
        "failed": evaluation.failures,
    }
    relaxed = [report for report in evaluation.reports if report.relaxed is not None]
    return to_json(content | ({"relaxed": _relaxed(relaxed, seed)} if relaxed else {}))


def _run(evaluation: Evaluation) -> dict[str, object]:
    settings, source, placement = evaluation.settings, evaluation.model.source, evaluation.predictor.placement
    dataset = settings.dataset
    return {
        "dataset": dataset.name,
        "dataset_sha256": sha256_of(dataset) if dataset.is_file() else None,
        "num_chains": len(evaluation.chains),
        "limit": settings.limit,
        "seed": settings.prediction.seed,
        "inputs": evaluation.source,
        "templates": settings.templates,
        "left_out": None if evaluation.rule is None else evaluation.rule.kind,
        "only": None if settings.only is None else settings.only.name,
        "num_recycles": settings.prediction.num_recycles,
        "recycle_tolerance": settings.prediction.recycle_tolerance,
        "model": source.name,
        "parameters_sha256": source.sha256,
        "device": placement.device.type,
        "precision": placement.precision,
        "threads": evaluation.predictor.num_threads,
        "versions": package_versions(),
    }


def _relaxed(reports: Sequence[ChainReport], seed: int) -> dict[str, object]:
    """The same figures before and after, over the chains that were relaxed."""
    results = [report.relaxed for report in reports if report.relaxed is not None]
    return {
        "statuses": dict(Counter(relaxed.result.status for relaxed in results)),
        "before": summarise([report.scores for report in reports], seed=seed),
        "after": summarise([relaxed.scores for relaxed in results], seed=seed),
    }
