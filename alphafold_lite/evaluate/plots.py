"""pLDDT against lDDT as a picture. Needs matplotlib (extra `report`), which is imported only here and only when a plot is made."""

import importlib.util
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from alphafold_lite.common.errors import MissingResourceError
from alphafold_lite.evaluate.scores import ChainScores
from alphafold_lite.evaluate.summary import all_residues
from alphafold_lite.metrics.calibration import NUM_BINS, calibrate, correlation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID = 50  # cells a side of the density of residues
MIN_BIN_RESIDUES = 10  # bins with fewer are not drawn
RESOLUTION = 150  # dots per inch


def check_available() -> None:
    """Raise MissingResourceError where matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        action = "pip install 'alphafold-lite[report]', or leave --plot out"
        raise MissingResourceError("matplotlib for plots", "no such package", action)


def confidence_png(scores: Sequence[ChainScores], *, title: str) -> bytes:
    """Residues (density, with the means by bin) and chains (points), each against the line of perfect agreement.

    Raises:
        MissingResourceError: matplotlib is not installed.
    """
    check_available()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5.2), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    _draw_residues(left, scores)
    _draw_chains(right, scores)
    for axes in (left, right):
        axes.plot((0, 1), (0, 1), color="grey", linewidth=0.8, linestyle="--", zorder=1)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="predicted (pLDDT / 100)", ylabel="lDDT-Cα")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=RESOLUTION)
    return buffer.getvalue()


def _draw_residues(axes: "Axes", scores: Sequence[ChainScores]) -> None:
    residues = all_residues(scores)
    edges = np.linspace(0, 1, GRID + 1)
    counts, _, _ = np.histogram2d(residues.plddt, residues.lddt, bins=(edges, edges))
    shown = np.ma.masked_equal(counts.T, 0)
    mesh = axes.pcolormesh(edges, edges, shown, norm="log", cmap="Blues", vmin=0.5)
    axes.figure.colorbar(mesh, ax=axes, label="residues", shrink=0.8)
    rows = calibrate(residues.plddt, residues.lddt, residues.clusters).bins
    judged = [row for row in rows if row.lddt.n >= MIN_BIN_RESIDUES]
    means = np.array([(row.plddt.value, row.lddt.value) for row in judged], np.float64).reshape(-1, 2)
    axes.plot(means[:, 0], means[:, 1], "o-", color="darkorange", markersize=4, label=f"means of {NUM_BINS} bins")
    axes.legend(loc="upper left")
    found = correlation(residues.plddt, residues.lddt, residues.clusters)
    axes.set_title(f"{len(residues.plddt)} residues{_r(found.value)}")


def _draw_chains(axes: "Axes", scores: Sequence[ChainScores]) -> None:
    points = np.array([(chain.plddt, chain.lddt_ca) for chain in scores]).reshape(-1, 2)
    axes.scatter(points[:, 0], points[:, 1], s=14, alpha=0.6, color="tab:blue", linewidths=0, zorder=2)
    found = correlation(points[:, 0], points[:, 1], np.array([chain.cluster for chain in scores], np.int64))
    axes.set_title(f"{len(points)} chains{_r(found.value)}")


def _r(value: float | None) -> str:
    return "" if value is None else f", r = {value:.2f}"
