"""The README's picture: the validation chain of median TM-score as the bundled model predicts it, beside the experiment.

    python scripts/picture_default.py --dataset backbone_valid.npz --figures evaluation.json [--params lite] --out scripts/examples/median_chain.png

The chain is predicted as in that evaluation, with the validation part left out of the library, so its own structure is never a template.
"""

import argparse
import io
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Line3DCollection

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.evaluate.run import Evaluation
from alphafold_lite.evaluate.settings import EvaluationSettings
from alphafold_lite.geometry.superpose import superpose
from alphafold_lite.outputs.files import write_atomic

CA = rc.atom_order["CA"]
PIECES = 8  # of the curve between two residues
LEVELS = (
    (90, "#0053d6"),
    (70, "#65cbf3"),
    (50, "#ffdb13"),
    (0, "#ff7d45"),
)  # pLDDT, in the colours of the AlphaFold database
GREY = "#9a9a9a"


def median_chain(chains: list[dict]) -> dict:
    """The chain in the middle by TM-score."""
    return sorted(chains, key=lambda chain: (chain["tm"], chain["id"]))[len(chains) // 2]


def curve(points: np.ndarray) -> np.ndarray:
    """A smooth line (Catmull-Rom) through the points, `PIECES` pieces a step."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, PIECES, endpoint=False)[None, :, None]
    a, b, c, d = (padded[k : len(points) - 1 + k, None] for k in range(4))
    line = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.concatenate([line.reshape(-1, 3), points[-1:]])


def draw(axes: Axes3D, points: np.ndarray, colours: list[str], *, alpha: float = 1.0) -> None:
    """One chain as a coloured line."""
    line = curve(points)
    pieces = np.stack([line[:-1], line[1:]], axis=1)
    by_piece = np.repeat(np.array(colours[:-1]), PIECES)
    axes.add_collection3d(
        Line3DCollection(list(pieces), colors=list(by_piece), linewidths=3.2, alpha=alpha, capstyle="round")
    )


def main() -> None:
    """Predict, superpose, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--figures", type=Path, required=True)
    parser.add_argument("--params", default="lite")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    entry = median_chain(json.loads(args.figures.read_text())["chains"])
    with tempfile.TemporaryDirectory() as folder:
        only = Path(folder) / "names.txt"
        only.write_text(entry["id"] + "\n")
        settings = EvaluationSettings(
            dataset=args.dataset, params=args.params, inputs="search", templates="library", only=only
        )
        evaluation = Evaluation(settings)
    chain = evaluation.chains[0]
    result = evaluation.predict(chain)
    true = chain.atom37_positions[:, CA]
    predicted = torch.tensor(result.unrelaxed.atom_positions[:, CA])
    placed = superpose(predicted, torch.tensor(true)).apply(predicted).numpy()
    axes_of = np.linalg.svd(true - true.mean(0), full_matrices=False)[2]
    true, placed = ((points - true.mean(0)) @ axes_of.T for points in (true, placed))
    colours = [next(colour for least, colour in LEVELS if value >= least) for value in result.plddt]

    figure = Figure(figsize=(11, 4.4), layout="constrained")
    titles = (f"experiment, PDB {chain.id[:4]} chain {chain.id[5:]}", "prediction, by pLDDT", "superposed")
    reach = np.abs(np.concatenate([true, placed])).max(0)
    for number, title in enumerate(titles):
        axes = figure.add_subplot(1, 3, number + 1, projection="3d")
        if number in (0, 2):
            draw(axes, true, [GREY] * len(true), alpha=1.0 if number == 0 else 0.7)
        if number in (1, 2):
            draw(axes, placed, colours)
        axes.set(xlim=(-reach[0], reach[0]), ylim=(-reach[1], reach[1]), zlim=(-reach[2], reach[2]), title=title)
        axes.set_box_aspect(reach, zoom=1.1)
        axes.view_init(elev=90, azim=-90)
        axes.set_axis_off()
    figure.suptitle(
        f"The validation chain of median TM-score: {entry['tm']:.2f} over {entry['length']} residues, mean pLDDT {result.mean_plddt:.0f}"
    )
    for number, (least, colour) in enumerate(LEVELS):
        label = f"pLDDT {'below 50' if least == 0 else f'from {least}'}"
        figure.text(0.36 + 0.09 * number, 0.02, label, color=colour, fontsize=8, weight="bold")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    write_atomic(args.out, picture.getvalue())
    print(f"{args.out}: {chain.id}, TM {entry['tm']:.3f}")


if __name__ == "__main__":
    main()
