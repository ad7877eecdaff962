"""Search every chain of some sets among the chains of a training set, for `alphafold-lite train --homologues`.

    python scripts/search_training_set.py --library backbone_train.npz --leave-out ordinary_valid.txt --queries backbone_train.npz ... --out hits.npz

A chain is never a hit of itself, nor one that is 95 % identical or nearer. About 0.05 s a query and core.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from alphafold_lite.outputs.files import write_npz
from alphafold_lite.training.chains import ChainSet
from alphafold_lite.training.homologues import to_arrays
from alphafold_lite.training.run_folder import read_names
from alphafold_lite.training.sampler import leave_out
from data_pipeline.library.library import frequencies
from data_pipeline.library.packing import quantised
from data_pipeline.search.base import Query
from data_pipeline.search.profile_scan import ProfileScan

MOST_IDENTITY = 0.95


class SetLibrary:
    """A packed set as a library of profiles."""

    def __init__(self, chains: ChainSet) -> None:
        made = list(chains)
        self.num_chains = len(made)
        self.chain_names = tuple(chain.id for chain in made)
        self.chain_sequences = tuple(chain.sequence for chain in made)
        self._profiles = [chain.profile for chain in made]

    def profile(self, chain: int) -> np.ndarray | None:
        """With the three bits that the embedded library keeps."""
        profile = self._profiles[chain]
        return None if profile is None else frequencies(quantised(profile))


def main() -> None:
    """Search and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--leave-out", type=Path, help="names of chains that are no hits")
    parser.add_argument("--queries", type=Path, nargs="+", required=True)
    parser.add_argument("--max-e-value", type=float, default=1.0)
    parser.add_argument("--max-hits", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    library = ChainSet.open(args.library)
    if args.leave_out:
        library = leave_out(library, read_names(args.leave_out))
    scan = ProfileScan(SetLibrary(library), threads=args.threads)
    number = {name: place for place, name in enumerate(library.ids)}
    found, began = {}, time.monotonic()
    for path in args.queries:
        for chain in ChainSet.open(path):
            query = Query(name=chain.id, sequence=chain.sequence)
            itself = {number[chain.id]} if chain.id in number else set()
            hits = scan.scan(query, exclude=itself, max_e_value=args.max_e_value, max_hits=args.max_hits)
            found[chain.id] = [hit for hit in hits if hit.identity < MOST_IDENTITY]
            if len(found) % 500 == 0:
                print(f"{len(found)} queries, {time.monotonic() - began:.0f} s", flush=True)
    write_npz(args.out, to_arrays(found.items()))
    print(f"{len(found)} queries, {np.mean([bool(hits) for hits in found.values()]):.3f} with a hit: {args.out}")


if __name__ == "__main__":
    main()
