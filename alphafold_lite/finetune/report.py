"""The one page that says what was trained on what and what came of it: `summary.html`, and the same as `summary.json`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from alphafold_lite.finetune.compare import Comparison
from alphafold_lite.finetune.curve import line_chart
from alphafold_lite.finetune.prepare import CHAINS, REJECTED, Prepared
from alphafold_lite.finetune.settings import FinetuneSettings
from alphafold_lite.metrics.bootstrap import Interval
from alphafold_lite.outputs.run_record import package_versions
from alphafold_lite.outputs.scores import to_json
from alphafold_lite.training.records import STEP, VALIDATION
from alphafold_lite.training.step import LOSS

NAMES = {"lddt_ca": "lDDT-Cα", "tm": "TM-score"}
PARTS = ("before", "after", "difference")
MOST_ROWS = 200  # chains in the page; the JSON has all
STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:.6rem 0}td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd}"
    "td:first-child,th:first-child{text-align:left}svg{width:100%;font-size:11px}.grid{stroke:#ddd}"
    ".line{fill:none;stroke:#1f6fb4;stroke-width:1.6}"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """Everything that the summary tells. `comparison` is None where nothing was left to judge by."""

    model: str  # file
    start: str
    settings: FinetuneSettings
    prepared: Prepared
    steps: int
    num_learning: int
    num_parameters: int
    metrics: Sequence[dict[str, Any]]  # lines of the run
    comparison: Comparison | None
    caution: str
    notes: tuple[str, ...] = ()


def summary_json(outcome: Outcome) -> str:
    """All figures, and every validation chain."""
    comparison = outcome.comparison
    return to_json(
        {
            "model": outcome.model,
            "start": outcome.start,
            "settings": asdict(outcome.settings),
            "data": {**asdict(outcome.prepared), "folder": outcome.prepared.folder.name},
            "steps": outcome.steps,
            "learning_parameters": outcome.num_learning,
            "parameters": outcome.num_parameters,
            "validation": None if comparison is None else _figures(comparison),
            "notes": list(notes_of(outcome)),
            "versions": package_versions(),
        }
    )


def _figures(comparison: Comparison) -> dict[str, object]:
    intervals = {name: {p: asdict(i) for p, i in comparison.intervals(name).items()} for name in NAMES}
    chains = [
        {"id": b.id, "cluster": b.cluster, "residues": b.length, "before": b.lddt_ca, "after": a.lddt_ca}
        for b, a in zip(comparison.before, comparison.after, strict=True)
    ]
    return {**intervals, "intervals_over": comparison.over, "lddt_ca_of_chains": chains}


def notes_of(outcome: Outcome) -> tuple[str, ...]:
    """What a reader has to know of the figures."""
    notes = [*outcome.notes]
    comparison = outcome.comparison
    if comparison is None:
        notes.append("No chain was kept for validation, so nothing is known of the accuracy.")
    elif comparison.over == "chains":
        notes.append(
            "All validation chains are of one cluster: the intervals are over chains and say little of others."
        )
    if outcome.settings.split.names is not None:
        notes.append("Validation chains were named by the user; they may be related to training chains.")
    if outcome.caution:
        notes.append(outcome.caution)
    return tuple(notes)


def table_lines(comparison: Comparison) -> list[str]:
    """The figures for a terminal."""
    lines = [f"{'validation':<12}{'n':>5}  " + "".join(f"{part:>28}" for part in PARTS)]
    for name in NAMES:
        intervals = comparison.intervals(name)
        cells = "".join(f"{_text(intervals[part]):>28}" for part in PARTS)
        lines.append(f"{name:<12}{len(comparison.before):>5}  {cells}")
    return lines


def summary_html(outcome: Outcome) -> str:
    """One page, all in one file."""
    prepared, settings = outcome.prepared, outcome.settings
    title = escape(outcome.model)
    loss = [(line["step"], line[LOSS]) for line in outcome.metrics if line["kind"] == STEP and LOSS in line]
    judged = [_judgement(line) for line in outcome.metrics if line["kind"] == VALIDATION]
    learning = f"{outcome.num_learning:,} of {outcome.num_parameters:,} parameters learnt"
    adapters = f", as adapters of rank {settings.lora}" if settings.lora else ""
    frozen = "" if settings.freeze is None else f", {settings.freeze} frozen"
    used = (
        f"{prepared.num_training} chains to learn from and {prepared.num_validation} to be judged by, in {prepared.num_clusters} cluster{'' if prepared.num_clusters == 1 else 's'}, "
        f"out of {prepared.num_files} files. Chains: {CHAINS}; what was left out and why ({prepared.num_rejected}): {REJECTED}."
    )
    body = [
        f"<h1>{title}</h1>",
        f"<p>Started from {escape(outcome.start)}; {outcome.steps} steps; {learning}{adapters}{frozen}.</p>",
        f"<p>{used}</p>",
        _table(("left out", "files or chains"), Counter(prepared.reasons).most_common()),
        "<h2>Accuracy on the validation chains</h2>",
        *([] if outcome.comparison is None else _accuracy(outcome.comparison)),
        *(f"<p>{escape(note)}</p>" for note in notes_of(outcome)),
        "<h2>Training</h2>",
        line_chart(loss, x="step", y="loss"),
        line_chart([point for point in judged if point is not None], x="step", y="lDDT-Cα of the validation chains"),
        *([] if outcome.comparison is None else _chains(outcome.comparison)),
    ]
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>' + "\n".join(body) + "</body></html>\n"


def _judgement(line: dict[str, Any]) -> tuple[float, float] | None:
    found = [value for name, value in line.items() if name.endswith("lddt_ca")]
    return (line["step"], found[0]) if found else None


def _accuracy(comparison: Comparison) -> list[str]:
    rows = [(label, *(_text(comparison.intervals(name)[part]) for part in PARTS)) for name, label in NAMES.items()]
    words = f"Mean over {len(comparison.before)} chains, with 95 % intervals (bootstrap over {comparison.over})."
    return [_table(("", *PARTS), rows), f"<p>{words}</p>"]


def _chains(comparison: Comparison) -> list[str]:
    pairs = list(zip(comparison.before, comparison.after, strict=True))[:MOST_ROWS]
    rows = [(b.id, b.length, f"{b.lddt_ca:.3f}", f"{a.lddt_ca:.3f}") for b, a in pairs]
    return ["<h2>Validation chains</h2>", _table(("chain", "residues", "lDDT-Cα before", "after"), rows)]


def _text(interval: Interval) -> str:
    if interval.value is None:
        return ""
    limits = "" if interval.low is None or interval.high is None else f" ({interval.low:.3f} to {interval.high:.3f})"
    return f"{interval.value:.3f}{limits}"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return ""
    lines = ["".join(f"<th>{escape(name)}</th>" for name in head)]
    lines += ["".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
