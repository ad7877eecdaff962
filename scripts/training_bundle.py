"""Everything that the default model is trained on as one small folder, for a machine that gets little data, such as a GPU lent for an hour.

    python scripts/training_bundle.py pack DATA BUNDLE      # here: at most 15 MiB
    python scripts/training_bundle.py unpack BUNDLE DATA    # there: then scripts/train_default.sh DATA

Backbones and profiles of the training chains are not packed: the embedded library has them (backbones within some 0.03 A, profiles of three
bits), and `unpack` writes them out as a set.
"""

import argparse
import gzip
import shutil
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from alphafold_lite.common.errors import InputError
from alphafold_lite.finetune.prepare import library_arrays
from alphafold_lite.outputs.files import write_atomic, write_npz
from alphafold_lite.training.chains import ChainSet
from alphafold_lite.weights.npz import read_npz
from data_pipeline.library.library import Library

MOST_BYTES = 15 * 2**20
MOST_ROWS = 512  # of an alignment; a sample reads fewer
ABOUT = "backbone_train_about.npz"  # what the library does not tell of its chains
SETS = "pdb_subset/allatom_train.npz", "pdb_subset/backbone_valid.npz", "msa_families/structures_train.npz"
NAMES = "pdb_subset/ordinary_valid.txt"
ALIGNMENTS = "msa_families"


def pack(data: Path, bundle: Path) -> None:
    """Write the bundle's files."""
    chains = ChainSet.open(data / "pdb_subset" / "backbone_train.npz")
    known = frozenset(Library.embedded().chain_names)
    if missing := [name for name in chains.ids if name not in known]:
        raise InputError("training chains that are in the embedded library", missing[0], "pack the data as it is")
    about = {"id": np.array(chains.ids), "cluster": chains.clusters.astype(np.int32)}
    if chains.contacts is not None:
        about["contacts"] = chains.contacts.astype(np.float16)
    write_npz(bundle / ABOUT, about)
    structures = read_npz(data / "msa_families" / "structures_train.npz")
    pairs = zip(structures["family"], structures["id"], strict=True)
    for name in (*SETS, NAMES):
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(data / name, bundle / name)
    for name in (f"{ALIGNMENTS}/{family}.{name}.a3m.gz" for family, name in pairs):
        if (data / name).is_file():
            records = gzip.decompress((data / name).read_bytes()).split(b"\n>")[:MOST_ROWS]
            write_atomic(bundle / name, gzip.compress(b"\n>".join(records) + b"\n", mtime=0))
    size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    print(f"{bundle}: {size / 2**20:.1f} MiB")
    if size > MOST_BYTES:
        raise InputError(f"at most {MOST_BYTES / 2**20:g} MiB", f"{size / 2**20:.1f}", "leave something out")


def unpack(bundle: Path, data: Path) -> None:
    """Make the data folder that `train_default.sh` takes."""
    if bundle.resolve() != data.resolve():
        shutil.copytree(bundle, data, dirs_exist_ok=True)
    library, about = Library.embedded(), read_npz(bundle / ABOUT)
    numbers = [library.index_of(str(name)) for name in about["id"]]
    arrays = about | library_arrays(library, numbers)
    path = data / "pdb_subset" / "backbone_train.npz"
    write_npz(path, arrays)
    print(f"{path}: {len(numbers)} chains")


def main() -> None:
    """Pack or unpack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("pack", "unpack"))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    {"pack": pack, "unpack": unpack}[args.what](args.source, args.target)


if __name__ == "__main__":
    main()
