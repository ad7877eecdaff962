"""Self-distillation from a FASTA file to a training set: select, predict as a batch, judge, pack. Started again, it goes on."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from alphafold_lite.batch.files import distograms_folder
from alphafold_lite.batch.progress import BatchProgress
from alphafold_lite.batch.run import run_batch
from alphafold_lite.common.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_SOME_FAILED, InputError
from alphafold_lite.distill.confidence import residue_weights
from alphafold_lite.distill.packed import CA, Pupil, pack, write_set
from alphafold_lite.distill.predicted import Predicted, predicted
from alphafold_lite.distill.reference import Confidences
from alphafold_lite.distill.selection import LeftOut, select
from alphafold_lite.distill.settings import DistillSettings, Rules
from alphafold_lite.distill.summary import Row, counts, write_summary

log = logging.getLogger("alphafold_lite")
UNUSABLE = "cannot be used: "


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a distillation ended.

    Attributes:
        code: 0 done, 3 some predictions failed or nothing was kept, 130 interrupted.
        counts: sequences, predicted, kept; empty where it was interrupted.
    """

    code: int
    counts: dict[str, int]


def distill(settings: DistillSettings, progress: BatchProgress | None = None) -> Outcome:
    """Predict what is not predicted yet, then write the training set and its summary anew.

    Raises:
        InputError, MissingResourceError: as `run_batch`; or no sequence that can be used.
    """
    names, left_out = select(settings)
    code = run_batch(settings.predicting, progress)
    if code == EXIT_INTERRUPTED:
        return Outcome(code=code, counts={})
    configuration, targets = predicted(settings.predicting.out_dir)
    found, pupils, facts = _judge(settings, configuration, targets)
    rows = [_row_of(left_out[name]) if name in left_out else found[name] for name in names]
    write_set(settings.out, pupils)
    write_summary(settings.out, rows, settings.rules, facts=facts)
    if not pupils:
        log.warning("nothing is kept: see summary.csv for the reasons")
    unusable = any(row.reason.startswith(UNUSABLE) for row in rows)
    good = code == EXIT_OK and bool(pupils) and not unusable
    return Outcome(code=EXIT_OK if good else EXIT_SOME_FAILED, counts=counts(rows))


def _judge(
    settings: DistillSettings, configuration: str, targets: Sequence[Predicted]
) -> tuple[dict[str, Row], list[Pupil], dict[str, object]]:
    """A row for every target, the chains to learn from, and what is to be said of the reference."""
    done = [target for target in targets if target.problem is None]
    confidences, facts = None, dict[str, object]()
    if settings.rules.measure == "distogram" and done:
        folder = distograms_folder(settings.predicting.out_dir)
        confidences = Confidences(folder, configuration, keep=settings.keep_distograms)
        confidences.prepare(done, settings.batch.prediction.seed)
        facts["reference_sequences"] = confidences.num_sequences
    rows: dict[str, Row] = {}
    pupils: list[Pupil] = []
    for target in targets:
        row, pupil = _judge_one(target, settings, confidences)
        rows[target.name] = row
        pupils += [] if pupil is None else [pupil]
    if confidences is not None and len(done) == len(targets):
        confidences.clear(targets)
    return rows, pupils, facts


def _judge_one(
    target: Predicted, settings: DistillSettings, confidences: Confidences | None
) -> tuple[Row, Pupil | None]:
    row = Row(target=target.name, length=target.length, depth=target.depth, mean_plddt=target.mean_plddt)
    if target.problem is not None:
        return replace(row, reason=target.problem), None
    try:
        protein = target.structure()
        confidence = protein.b_factors[:, CA] if confidences is None else confidences.of(target)
        confidence = confidence * (protein.atom_mask[:, CA] > 0)  # of unknown residues there is nothing to learn
        row = _measured(row, confidence, settings.rules)
        if row.reason:
            return row, None
        weights = residue_weights(confidence, settings.rules)
        return replace(row, kept=True), pack(target, protein, weights, settings.out)
    except InputError as error:
        log.warning("%s: %s", target.name, error)
        return replace(row, reason=f"{UNUSABLE}{error}"), None


def _measured(row: Row, confidence: Float[np.ndarray, "N_res"], rules: Rules) -> Row:
    """The row with its confidence, and with the reason where the rules leave the chain out."""
    share = float((confidence >= rules.limit).mean())
    row = replace(row, mean_confidence=float(confidence.mean()), confident_share=share)
    if row.depth is not None and row.depth < rules.min_depth:
        return replace(row, reason=f"an alignment of {row.depth} rows, fewer than {rules.min_depth}")
    if share < rules.min_confident_share or not share:
        found = f"{share:.0%} of the residues have a confidence of {rules.limit:g} or more"
        return replace(row, reason=f"{found}, fewer than {rules.min_confident_share:.0%}")
    return row


def _row_of(lost: LeftOut) -> Row:
    return Row(target=lost.name, length=lost.length, reason=lost.reason)
