"""Keep a training run as two small files, or say how to go on from them.

python scripts/keep_training.py RUN scripts/training/lite     # the best parameters so far and where the run stood
python scripts/keep_training.py RUN scripts/training/lite --packer     # what a run taught the packer of side chains alone, added to these
python scripts/keep_training.py --options scripts/training/lite.json
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alphafold_lite.training.snapshot import add_packer, read_snapshot, write_snapshot

WARMUP_SAMPLES = 2_000


def main() -> None:
    """Write the files, or print the options of `train`, one word a line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--options", action="store_true")
    parser.add_argument("--last", action="store_true", help="the last average, not what validated best")
    parser.add_argument(
        "--packer", action="store_true", help="add the packer of side chains of a run with step.packing_alone"
    )
    args = parser.parse_args()
    if args.options:
        for setting in read_snapshot(args.paths[0]).settings_to_go_on(warmup_samples=WARMUP_SAMPLES):
            print("--set", setting, sep="\n")
        return
    run, target = args.paths
    if args.packer:
        add_packer(run, target)
        return
    kept = write_snapshot(run, target, best=not args.last)
    print(f"{target}: step {kept.step}, {kept.samples} samples, {len(kept.validation)} validations")


if __name__ == "__main__":
    main()
