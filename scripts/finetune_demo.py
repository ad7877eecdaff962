"""Does fine-tuning help? One family is held out of a short base run; half of it is learnt, the other half and unrelated chains are judged.

    python scripts/finetune_demo.py --data DATA --out OUT [--cluster 4817] [--start-steps 1200] [--base-steps 3000] [--steps 600] [--device cpu]

The family is new to the base run and to the library as well: the embedded one holds its structures, which would be templates before and
after. So fine-tuning searches a library of the other all-atom chains; unrelated chains are judged with the embedded one.

Every step is a command of this program and is left alone where it has been done; started again, the demo goes on. A base run with other
options than those here: train it into OUT/base first. What came out stands in OUT/demo.json; exit code 1 where there is no gain.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from alphafold_lite.metrics.bootstrap import Interval, mean_interval
from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.outputs.scores import to_json
from alphafold_lite.training.chains import ChainSet
from scripts.export_chains import export

RAS_LIKE = 4817  # 21 all-atom chains of 163 to 232 residues; the largest cluster, receptors and MHC, is no fair test
LARGEST = 2990
SETS = "backbone_train.npz", "allatom_train.npz"
# without trunk blocks, on nearly clean templates: the structure module learns to follow what it is shown
START = (
    "model.evoformer.num_blocks=0", "step.max_recycles=0", "optimizer.learning_rate=2e-3", "optimizer.final_factor=0.3",
    "optimizer.warmup_samples=400", "data.clamped_share=0.1", "data.inputs.sampled=0", "data.inputs.alignment=0", "data.inputs.carried=0",
    "data.templates.max_templates=1", "data.templates.none=0.05", "data.templates.corrupted=0.95", "data.templates.homologues=0",
    "data.templates.corruption.gaps=0.1", "data.templates.corruption.noise=0.3", "data.templates.corruption.segments=0",
    "data.templates.corruption.register=0", "data.templates.corruption.mutated=0.5",
)  # fmt: skip
HITS = Path(__file__).parent / "training" / "hits.npz"


def command(*words: object) -> None:
    """Run this program in a process of its own; an error ends the demo."""
    program = Path(sys.executable).parent / "alphafold-lite"
    line = [str(program), *map(str, words)]
    print("+", " ".join(line), flush=True)
    subprocess.run(line, check=True)


def halves(names: list[str], seed: int) -> tuple[list[str], list[str]]:
    """The names in two parts, drawn with the seed."""
    order = np.random.default_rng(seed).permutation(len(names))
    return [names[i] for i in sorted(order[::2])], [names[i] for i in sorted(order[1::2])]


def write_names(path: Path, names: list[str]) -> Path:
    """A line each."""
    write_atomic(path, "".join(f"{name}\n" for name in names))
    return path


def base_run(args: argparse.Namespace, held_out: Path) -> Path:
    """A short run in two parts, as scripts/train_default.sh has them, that has never seen the family; returns its parameters."""
    shared = [
        f"data.crop_size={args.crop}", "data.shares=[0.8, 0.2]", "stages=[]", "run.validate_every=0",
        "step.batch_size=4", "step.micro_batch=4", "optimizer.method=adam",
    ]  # fmt: skip
    start, run = args.out / "base_start", args.out / "base"
    train(args, start, held_out, args.start_steps, [*shared, *START, *args.base_set])
    train(
        args, run, held_out, args.base_steps, [*shared, "data.inputs.alignment=0", *args.base_set], "--init-from", start
    )
    return run / "average.safetensors"


def train(args: argparse.Namespace, run: Path, held_out: Path, steps: int, changes: list[str], *more: object) -> None:
    """One run of the preset `lite`; what is there goes on, what is done is left alone."""
    if (run / "config.json").is_file():
        command("train", "--resume", "--out-dir", run, "--device", args.device)
        return
    pdb = args.data / "pdb_subset"
    words: list[object] = ["--preset", "lite", "--homologues", HITS, "--leave-out", held_out, "--steps", steps]
    words += [word for name in SETS for word in ("--data", pdb / name)]
    words += [word for change in changes for word in ("--set", change)]
    command("train", *words, "--out-dir", run, "--device", args.device, "--seed", args.seed, *more)


def library_of(args: argparse.Namespace, others: frozenset[str]) -> Path:
    """The all-atom chains other than the family, and the shared sequences, as a library; returns its folder."""
    out = args.out / "library"
    if not out.is_dir():
        structures = args.out / "library_structures"
        export(args.data / "pdb_subset" / "allatom_train.npz", structures, names=others, kind="cif", limit=None, packed=False)  # fmt: skip
        sequences = args.data / "sequences" / "search_db.fasta.gz"
        command("library", "build", "--structures", structures, "--sequences", sequences, "--out", out, "--quiet")
    return out


def fine_tuned(args: argparse.Namespace, structures: Path, judged: Path, base: Path, library: Path) -> Path:
    """Half of the family learnt; returns the folder."""
    out = args.out / "finetuned"
    if (out / "training" / "config.json").is_file():
        command("finetune", "--resume", "--out-dir", out, "--device", args.device)
    else:
        command("finetune", "--structures", structures, "--validation-ids", judged, "--params", base, "--library", library, "--out-dir", out, "--steps", args.steps, "--crop", args.finetune_crop, "--device", args.device, "--seed", args.seed, *args.option)  # fmt: skip
    return out


def unrelated(args: argparse.Namespace, params: Path, name: str) -> dict[str, dict[str, Any]]:
    """Scores of validation chains, which have no relative in any training set, by name."""
    path = args.out / f"unrelated_{name}.json"
    if not path.is_file():
        command("evaluate", "--dataset", args.data / "pdb_subset" / "backbone_valid.npz", "--inputs", "search", "--templates", "library", "--limit", args.limit, "--params", params, "--seed", args.seed, "--device", args.device, "--json", path, "--quiet")  # fmt: skip
    return {chain["id"]: chain for chain in json.loads(path.read_text(encoding="utf-8"))["chains"]}


def differences(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> dict[str, Interval]:
    """Means over the chains that both have, and of the differences, with intervals over clusters."""
    shared = sorted(before.keys() & after.keys())
    clusters = np.array([before[name]["cluster"] for name in shared], np.int64)
    values = {
        part: np.array([scores[name]["lddt_ca"] for name in shared])
        for part, scores in (("before", before), ("after", after))
    }
    values["difference"] = values["after"] - values["before"]
    return {part: mean_interval(numbers, clusters) for part, numbers in values.items()}


def main() -> int:
    """Run everything that is not done yet, and judge."""
    args = _arguments()
    pdb = args.data / "pdb_subset"
    if args.cluster == LARGEST:
        raise SystemExit("the largest cluster is no fair test: choose another one")
    sets = [ChainSet.open(pdb / name) for name in SETS]
    family = [
        [name for name, number in zip(chains.ids, chains.clusters, strict=True) if number == args.cluster]
        for chains in sets
    ]
    held_out = write_names(args.out / "held_out.txt", sorted({*family[0], *family[1]}))
    learnt, judged = halves(sorted(family[1]), args.seed)
    judged_file = write_names(args.out / "judged.txt", judged)
    structures = args.out / "structures"
    export(
        pdb / "allatom_train.npz", structures, names=frozenset(learnt + judged), kind="cif", limit=None, packed=False
    )
    base = base_run(args, held_out)
    others = frozenset(sets[1].ids) - set(family[1])
    out = fine_tuned(args, structures, judged_file, base, library_of(args, others))
    other = differences(unrelated(args, base, "before"), unrelated(args, out, "after"))
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    gain = summary["validation"]["lddt_ca"]
    is_gain = gain["difference"]["low"] is not None and gain["difference"]["low"] > 0
    is_kept = other["before"].low is not None and other["after"].value >= other["before"].low
    result = {"cluster": args.cluster, "learnt": learnt, "judged": judged, "family_lddt_ca": gain, "unrelated_lddt_ca": other, "gain": is_gain, "unrelated_kept": is_kept}  # fmt: skip
    write_atomic(args.out / "demo.json", to_json(result))
    for name, parts in (("the other half", {k: Interval(**v) for k, v in gain.items()}), ("unrelated chains", other)):
        print(f"{name:<18}" + "".join(f"  {part} {_text(interval)}" for part, interval in parts.items()))
    print(f"the family rose: {is_gain}; unrelated chains kept their accuracy: {is_kept}")
    return 0 if is_gain and is_kept else 1


def _text(interval: Interval) -> str:
    if interval.value is None or interval.low is None or interval.high is None:
        return "not known"
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f}, n {interval.n})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with pdb_subset/")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cluster", type=int, default=RAS_LIKE)
    parser.add_argument(
        "--start-steps", type=int, default=1200, help="of the base run's first part, without trunk blocks"
    )
    parser.add_argument("--base-steps", type=int, default=3000)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--crop", type=int, default=96, help="of the base run")
    parser.add_argument("--finetune-crop", type=int, default=128)
    parser.add_argument("--limit", type=int, default=100, help="unrelated chains that are judged")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--base-set", action="append", default=[], metavar="KEY=VALUE", help="settings of the base run")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="WORD",
        help="further words for finetune, as --option=--lora --option=8",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
