"""The second rung of the training ladder: ten chains learnt by heart, with the curve of the run.

    python scripts/train_ten_chains.py allatom_train.npz RUN [KEY=VALUE ...]

About twenty minutes on two CPU cores. The chains are written to RUN.chains as PDB files, the run goes to RUN; its curve is compared with the
one recorded in `scripts/examples/ten_chains_curve.json`.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alphafold_lite.cli.main import run
from alphafold_lite.outputs.pdb import to_pdb
from alphafold_lite.training.chains import ChainSet
from alphafold_lite.training.records import VALIDATION, read_metrics

LENGTHS, COUNT = range(50, 80), 10
RECORDED = Path(__file__).parent / "examples" / "ten_chains_curve.json"
SETTINGS = (
    "model.evoformer.num_blocks=4", "model.pair_channels=64", "model.msa_channels=64", "data.crop_size=80", "step.batch_size=2",
    "step.micro_batch=2", "run.steps=3000", "run.validate_every=250", "run.checkpoint_every=1000", "validation.count=10",
    "validation.max_length=80", "optimizer.warmup_samples=200", "optimizer.learning_rate=0.001", "optimizer.ema_decay=0.99",
)  # fmt: skip


def main() -> int:
    """Write the chains, train, print both curves."""
    data, folder, *changes = sys.argv[1:]
    chains = ChainSet.open(Path(data))
    chosen: dict[int, int] = {}
    for index, (cluster, length) in enumerate(zip(chains.clusters, chains.lengths, strict=True)):
        if length in LENGTHS and len(chosen) < COUNT:
            chosen.setdefault(int(cluster), index)
    place = Path(f"{folder}.chains")
    place.mkdir(parents=True, exist_ok=True)
    for chain in chains.select(list(chosen.values())):
        (place / f"{chain.id}.pdb").write_text(to_pdb(chain.protein))
    settings = [part for change in (*SETTINGS, *changes) for part in ("--set", change)]
    code = run(
        ["train", "--preset", "tiny", "--data", str(place), "--validation", str(place), "--out-dir", folder, *settings]
    )
    recorded = {line["step"]: line for line in json.loads(RECORDED.read_text())["curve"]} if RECORDED.exists() else {}
    for line in read_metrics(Path(folder)):
        if line["kind"] == VALIDATION:
            before = recorded.get(line["step"], {})
            print(
                f"step {line['step']:5}: RMSD {line['rmsd_ca']:.2f} Å, lDDT-CA {line['lddt_ca']:.3f}; recorded", before
            )
    return code


if __name__ == "__main__":
    sys.exit(main())
