"""Everything that the default model is trained on as one small folder, for a machine that gets little data, such as a GPU lent for an hour.

    python scripts/training_bundle.py pack DATA BUNDLE [--searched STATE/searched/allatom_train.npz]    # here: at most 15 MiB
    python scripts/training_bundle.py unpack BUNDLE DATA    # there: then scripts/train_default.sh DATA DATA

Backbones and profiles of the training chains are not packed: the embedded library has them (backbones within some 0.03 A, profiles of three
bits), and `unpack` writes them out as a set; it needs NumPy and the package's own code, no search program. With `--searched` (what
`scripts/align_training_set.py` made) the all-atom chains travel with their alignments, so that nothing is searched there.
"""

import argparse
import gzip
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.files import write_atomic, write_npz
from alphafold_lite.training.chains import ChainSet, library_arrays
from alphafold_lite.weights.npz import read_npz
from data_pipeline.library.library import Library

MOST_BYTES = 15 * 2**20
MOST_ROWS = 64  # of an alignment; a sample reads some 20 of them
ABOUT = "backbone_train_about.npz"  # what the library does not tell of its chains
ALL_ATOM, VALIDATION, FAMILIES = "allatom_train.npz", "backbone_valid.npz", "structures_train.npz"
NAMES = "ordinary_valid.txt"
SUBSET, ALIGNED, SEARCHED = "pdb_subset", "msa_families", "searched"


def pack(data: Path, bundle: Path, searched: Path | None = None) -> None:
    """Write the bundle's files."""
    chains = ChainSet.open(data / SUBSET / "backbone_train.npz")
    known = frozenset(Library.embedded().chain_names)
    if missing := [name for name in chains.ids if name not in known]:
        raise InputError("training chains that are in the embedded library", missing[0], "pack the data as it is")
    about = {"id": np.array(chains.ids), "cluster": chains.clusters.astype(np.int32)}
    if chains.contacts is not None:
        about["contacts"] = chains.contacts.astype(np.float16)
    write_npz(bundle / ABOUT, about)
    for name in (f"{SUBSET}/{VALIDATION}", f"{SUBSET}/{NAMES}", f"{ALIGNED}/{FAMILIES}"):
        copy(data / name, bundle / name)
    structures = read_npz(data / ALIGNED / FAMILIES)
    pairs = zip(structures["family"], structures["id"], strict=True)
    thin(data / ALIGNED, bundle / ALIGNED, (f"{family}.{name}.a3m.gz" for family, name in pairs))
    if searched is None:
        copy(data / SUBSET / ALL_ATOM, bundle / SUBSET / ALL_ATOM)
    else:
        copy(searched, bundle / SEARCHED / ALL_ATOM)
        thin(searched.parent, bundle / SEARCHED, (str(name) for name in read_npz(searched)["alignment"]))
    size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    print(f"{bundle}: {size / 2**20:.1f} MiB")
    if size > MOST_BYTES:
        raise InputError(f"at most {MOST_BYTES / 2**20:g} MiB", f"{size / 2**20:.1f}", "leave something out")


def copy(source: Path, target: Path) -> None:
    """A file as it is."""
    write_atomic(target, source.read_bytes())


def thin(source: Path, target: Path, names: Iterable[str]) -> None:
    """Alignments with their first row and at most `MOST_ROWS` in all, evenly spread over the file; those that are not there are left out."""
    for name in names:
        if name and (source / name).is_file():
            records = gzip.decompress((source / name).read_bytes()).rstrip(b"\n").split(b"\n>")
            kept = np.linspace(0, len(records) - 1, min(len(records), MOST_ROWS)).astype(int)
            text = b"\n>".join(records[number] for number in kept)
            write_atomic(target / name, gzip.compress(text + b"\n", mtime=0))


def unpack(bundle: Path, data: Path) -> None:
    """Make the data folder that `train_default.sh` takes."""
    if bundle.resolve() != data.resolve():
        shutil.copytree(bundle, data, dirs_exist_ok=True)
    library, about = Library.embedded(), read_npz(bundle / ABOUT)
    numbers = [library.index_of(str(name)) for name in about["id"]]
    arrays = about | library_arrays(library, numbers)
    path = data / SUBSET / "backbone_train.npz"
    write_npz(path, arrays)
    print(f"{path}: {len(numbers)} chains")


def main() -> None:
    """Pack or unpack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    steps = parser.add_subparsers(required=True, dest="step")
    packing, unpacking = steps.add_parser("pack"), steps.add_parser("unpack")
    packing.add_argument("data", type=Path)
    packing.add_argument("bundle", type=Path)
    packing.add_argument("--searched", type=Path, help="the all-atom set with the alignments of a search")
    unpacking.add_argument("bundle", type=Path)
    unpacking.add_argument("data", type=Path)
    args = parser.parse_args()
    if args.step == "pack":
        pack(args.data, args.bundle, args.searched)
    else:
        unpack(args.bundle, args.data)


if __name__ == "__main__":
    main()
