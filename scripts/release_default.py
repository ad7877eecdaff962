"""Make a kept training run the bundled default model: its parameters with a header that says what they are, and a model card of its figures.

    python scripts/release_default.py --kept scripts/training/lite --commit HASH --figures 'LABEL=evaluation.json' ... --baseline 'LABEL=copy.json' ...

The evaluations are those of `alphafold-lite evaluate --json` with these very parameters. The first one named is what the caution quotes.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from alphafold_lite.common.errors import InputError
from alphafold_lite.kernels.reference import reference
from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.outputs.run_record import sha256_of
from alphafold_lite.training.snapshot import Snapshot, differing, read_snapshot
from alphafold_lite.weights.checkpoint import load_checkpoint, read_header, save_checkpoint
from alphafold_lite.weights.locations import BUNDLED

MOST_BYTES, MOST_PARAMETERS = 16 * 10**6, 8_000_000
LICENSE = "CC BY 4.0"
CARD = "MODEL_CARD.md"
HEAD = Path(__file__).parent / "training" / "model_card_head.md"
SHOWN = {
    "tm": "TM-score, mean", "lddt_ca": "lDDT-Cα, mean", "rmsd_ca": "Cα-RMSD, mean, Å", "plddt_lddt_r_chain": "r of pLDDT and lDDT, chains",
    "calibration_error": "calibration error of pLDDT", "chain_breaks": "chain breaks, share of links", "chi1_buried": "χ1 within 40°, buried",
}  # fmt: skip


def main() -> None:
    """Write the two files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kept", type=Path, required=True, help="path without ending, as keep_training.py takes it")
    parser.add_argument("--commit", required=True, help="of the code that trained it")
    parser.add_argument("--figures", nargs="+", required=True, metavar="LABEL=FILE.json")
    parser.add_argument("--baseline", nargs="*", default=[], metavar="LABEL=FILE.json")
    parser.add_argument(
        "--folds-as",
        type=Path,
        help="earlier parameters that differ in the packer alone: evaluations of theirs without side chains count",
    )
    parser.add_argument("--out", type=Path, default=BUNDLED)
    args = parser.parse_args()
    weights = args.kept.with_suffix(".safetensors")
    snapshot = read_snapshot(args.kept.with_suffix(".json"))
    figures = [_read(text) for text in args.figures]
    these = {sha256_of(path) for path in (weights, args.out) if path.is_file()}
    same_backbones = _same_backbones(weights, args.folds_as)
    for label, content in figures:
        without_side_chains = content["summary"].get("chi1_buried", {"mean": None})["mean"] is None
        if content["run"]["parameters_sha256"] not in (these | same_backbones if without_side_chains else these):
            raise InputError(f"an evaluation of {weights}", f"{label}: of other parameters", "evaluate again")
    baselines = [_read(text) for text in args.baseline]
    new = args.out.with_name(f".new_{args.out.name}")
    try:
        _save(weights, new, snapshot, _caution(figures))
        text = _card(new, snapshot, args.commit, figures, baselines)
        new.replace(args.out)
    finally:
        new.unlink(missing_ok=True)
    write_atomic(args.out.with_name(CARD), text)
    print(f"{args.out}: {args.out.stat().st_size} bytes, and {CARD}")


def _same_backbones(weights: Path, earlier: Path | None) -> set[str]:
    """Checksum of earlier parameters with which every backbone and confidence is the same."""
    if earlier is None:
        return set()
    if other := differing(load_checkpoint(weights, reference()), load_checkpoint(earlier, reference())):
        found = f"{earlier}: others, such as {other[0]}"
        raise InputError(f"the parameters of {weights} but for the packer (--folds-as)", found, "evaluate again")
    return {sha256_of(earlier)}


def _read(text: str) -> tuple[str, dict[str, Any]]:
    label, _, path = text.rpartition("=")
    content = json.loads(Path(path).read_text("utf-8"))
    if not content["complete"]:
        raise InputError("an evaluation that has ended", f"{path}, which has not", "wait for it, or start it again")
    return label, content


def _caution(figures: list[tuple[str, dict[str, Any]]]) -> str:
    tm = figures[0][1]["summary"]["tm"]
    return (
        f"made by the small bundled model, far from AlphaFold's accuracy: mean TM-score {tm['mean']:.2f} (95 % {tm['low']:.2f}-{tm['high']:.2f}) on "
        f"{tm['n']} held-out chains; a fold is right from about 0.5 on. Judge by pLDDT"
    )


def _save(weights: Path, out: Path, snapshot: Snapshot, caution: str) -> None:
    model, about = load_checkpoint(weights, reference()), read_header(weights)
    count = sum(parameter.numel() for parameter in model.parameters())
    if count > MOST_PARAMETERS:
        raise InputError(f"at most {MOST_PARAMETERS} parameters", str(count), "train a smaller network")
    note = f"moving average after {snapshot.samples} samples of alphafold-lite train --preset lite, seed {snapshot.config.run.seed}"
    changed = replace(about, name="lite", license=LICENSE, note=note, caution=caution, learnt_library=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(out, model, changed)
    if out.stat().st_size > MOST_BYTES:
        raise InputError(f"at most {MOST_BYTES} bytes", str(out.stat().st_size), "train a smaller network")


def _card(
    out: Path,
    snapshot: Snapshot,
    commit: str,
    figures: list[tuple[str, dict[str, Any]]],
    baselines: list[tuple[str, dict[str, Any]]],
) -> str:
    model = load_checkpoint(out, reference())
    count = sum(parameter.numel() for parameter in model.parameters())
    lines = HEAD.read_text("utf-8").rstrip().splitlines()
    lines += ["", "## Figures", "", "| | n | " + " | ".join(SHOWN.values()) + " |", "|---|---|" + "---|" * len(SHOWN)]
    for label, content in (*figures, *baselines):
        summary = content["summary"]
        cells = [_cell(summary.get(name)) for name in SHOWN]
        lines.append(f"| {label} | {summary['tm']['n']} | " + " | ".join(cells) + " |")
    trial = figures[0][1]["run"]
    lines += [
        "",
        f"With 95 % intervals over clusters of related chains; {trial['num_recycles']} recycles, seed {trial['seed']}. "
        "Median lDDT-Cα in the same order: "
        + "; ".join(f"{label}: {_median(content)}" for label, content in (*figures, *baselines))
        + ".",
        "",
        "## Identity",
        "",
        f"{count:,} parameters, sha256 `{sha256_of(out)}`, {snapshot.samples:,} samples in {snapshot.step:,} steps of the main run, "
        + f"seed {snapshot.config.run.seed}, code at commit {commit}.",
        "",
    ]
    return "\n".join(lines)


def _median(content: dict[str, Any]) -> str:
    return f"{content['summary']['lddt_ca']['median']:.3f}"


def _cell(figure: dict[str, Any] | None) -> str:
    if figure is None or figure["mean"] is None:
        return "-"
    interval = "" if figure["low"] is None else f" ({figure['low']:.3f}-{figure['high']:.3f})"
    return f"{figure['mean']:.3f}{interval}"


if __name__ == "__main__":
    main()
