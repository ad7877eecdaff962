"""A run as a picture: losses and validation scores over samples. Needs matplotlib (extra `report`), imported only when a plot is made."""

import importlib.util
import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.training.losses.config import TERMS
from alphafold_lite.training.records import STEP, VALIDATION, read_metrics
from alphafold_lite.training.step import LOSS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLOT = "training.png"
RESOLUTION = 130  # dots per inch
SCORES = {
    "lddt_ca": ("lDDT-Cα", "tab:blue"),
    "tm": ("TM-score", "tab:orange"),
    "plddt_r": ("r(pLDDT, lDDT)", "tab:green"),
}
PREFIXES = ("", "-", ""), ("template_", "--", ", with templates"), ("homologue_", ":", ", with homologues")
log = logging.getLogger(__name__)


def write_plot(run: Path) -> None:
    """Draw `training.png` from the run's metrics; without matplotlib or without lines, nothing happens."""
    if importlib.util.find_spec("matplotlib") is None:
        log.info("no plot: pip install 'alphafold-lite[report]' to have one")
        return
    lines = read_metrics(run)
    if any(line["kind"] == STEP for line in lines):
        write_atomic(run / PLOT, curves_png(lines, title=run.name))


def curves_png(lines: Sequence[dict[str, Any]], *, title: str) -> bytes:
    """The loss and its terms (logarithmic, smoothed), and the scores where there are any."""
    from matplotlib.figure import Figure

    steps = [line for line in lines if line["kind"] == STEP]
    scores = [line for line in lines if line["kind"] == VALIDATION]
    figure = Figure(figsize=(11 if scores else 6.5, 4.6), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(1, 2 if scores else 1, squeeze=False)[0]
    _draw_losses(panels[0], steps)
    if scores:
        _draw_scores(panels[1], scores)
    for axes in panels:
        axes.set_xlabel("samples")
        axes.grid(visible=True, alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=RESOLUTION)
    return buffer.getvalue()


def _draw_losses(axes: "Axes", lines: Sequence[dict[str, Any]]) -> None:
    for name in (LOSS, *TERMS):
        points = [(line["samples"], line[name]) for line in lines if line.get(name, 0) > 0]
        if points:
            samples, values = zip(*points, strict=True)
            width, color = (1.8, "black") if name == LOSS else (0.9, None)
            axes.plot(samples, smoothed(values), label=name.replace("_", " "), linewidth=width, color=color)
    axes.set_yscale("log")
    axes.set_title("loss and its unweighted terms")
    axes.legend(fontsize=7, ncols=2)


def _draw_scores(axes: "Axes", lines: Sequence[dict[str, Any]]) -> None:
    for name, (label, color) in SCORES.items():
        for prefix, style, words in PREFIXES:
            points = [(line["samples"], line[prefix + name]) for line in lines if prefix + name in line]
            if points:
                samples, values = zip(*points, strict=True)
                axes.plot(samples, values, style, color=color, marker=".", label=label + words)
    axes.set_ylim(min(0.0, *axes.get_ylim()), 1.02)
    axes.set_title("validation")
    axes.legend(fontsize=7)


def smoothed(values: Sequence[float], share: float = 0.02) -> list[float]:
    """Running mean over this share of all values, at least one."""
    width = max(1, int(len(values) * share))
    means: list[float] = []
    for i in range(len(values)):
        window = values[max(0, i - width + 1) : i + 1]
        means.append(sum(window) / len(window))
    return means
