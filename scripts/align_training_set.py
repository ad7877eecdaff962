"""Give the chains of a packed set the alignments that a search of the embedded library finds, for training on what a user's query gets.

    python scripts/align_training_set.py --data allatom_train.npz --out STATE/searched/allatom_train.npz [--threads N]

Writes the set once more with the names of its alignments, which lie beside it. What is there is not searched again; about half a second a
chain and core.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from alphafold_lite.finetune.relatives import searched_alignment
from alphafold_lite.outputs.files import write_npz
from alphafold_lite.training.chains import ChainSet
from alphafold_lite.weights.npz import read_npz
from data_pipeline.config import SearchConfig
from data_pipeline.search.base import Engine, Query
from data_pipeline.searcher import Searcher


def align_set(data: Path, out: Path, engine: Engine) -> Sequence[str]:
    """Write the set with the names of its alignments; returns these."""
    names: list[str] = []
    began = time.monotonic()
    for chain in ChainSet.open(data):
        names.append(searched_alignment(out.parent, engine, Query(name=chain.id, sequence=chain.sequence)))
        if len(names) % 100 == 0:
            print(f"{len(names)} chains, {time.monotonic() - began:.0f} s", flush=True)
    write_npz(out, {**read_npz(data), "alignment": np.array(names, np.str_)})
    return names


def main() -> None:
    """Search and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    searcher = Searcher(SearchConfig(msa_modes=("embedded",), templates="none", threads=args.threads))
    print(f"{len(align_set(args.data, args.out, searcher.engines[0]))} chains with alignments: {args.out}")


if __name__ == "__main__":
    main()
