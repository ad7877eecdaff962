"""Pack the embedded library from the chains and sequences of the data folder (PDB subset and sequence database):

python scripts/build_library.py DATA [--out FOLDER] [--without-profiles]
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_pipeline.library.library import EMBEDDED
from data_pipeline.library.packing import CHAIN_PREFIX, LibraryContents, quantised, write_library
from data_pipeline.parsers.records import split_records
from data_pipeline.parsers.text import read_text

TRAINING, VALIDATION = "backbone_train.npz", "backbone_valid.npz"  # never the test part
COORDINATE_UNIT, PROFILE_UNIT = 0.01, 1 / 255


def read_chains(folder: Path, parts: Sequence[str]) -> dict[str, tuple[str, np.ndarray, np.ndarray]]:
    """Sequence, backbone and 3-bit profile of each chain of some parts, sorted by name."""
    chains: dict[str, tuple[str, np.ndarray, np.ndarray]] = {}
    for part in parts:
        with np.load(folder / part, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("id", "offset", "sequence", "coords", "profile")}
        for name, start, end in zip(arrays["id"], arrays["offset"], arrays["offset"][1:], strict=False):
            backbone = arrays["coords"][start:end] * np.float32(COORDINATE_UNIT)
            profile = quantised(arrays["profile"][start:end] * np.float32(PROFILE_UNIT))
            chains[str(name)] = (arrays["sequence"][start:end].tobytes().decode("ascii"), backbone, profile)
    return dict(sorted(chains.items()))


def read_contents(data: Path, *, with_profiles: bool) -> LibraryContents:
    """Everything of the library; the database's own copies of the chains are left out."""
    chains = read_chains(data / "pdb_subset", (TRAINING, VALIDATION))
    path = data / "sequences" / "search_db.fasta.gz"
    records = split_records(read_text(path), source=path.name)
    others = [record for record in records if not record.header.startswith(CHAIN_PREFIX)]
    return LibraryContents(
        name="embedded",
        chain_names=tuple(chains),
        chain_sequences=tuple(sequence for sequence, _, _ in chains.values()),
        chain_dates=(None,) * len(chains),
        backbones=tuple(backbone for _, backbone, _ in chains.values()),
        profiles=tuple(profile for _, _, profile in chains.values()) if with_profiles else None,
        sequence_names=tuple(record.header.split()[0] for record in others),
        sequences=tuple(record.sequence for record in others),
        validation_names=frozenset(read_chains(data / "pdb_subset", (VALIDATION,))),
    )


def main() -> None:
    """Pack and say what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with pdb_subset/ and sequences/")
    parser.add_argument("--out", type=Path, default=EMBEDDED)
    parser.add_argument("--without-profiles", action="store_true")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    contents = read_contents(arguments.data, with_profiles=not arguments.without_profiles)
    manifest = write_library(contents, arguments.out)
    print(f"{manifest.num_chains} chains ({len(manifest.raw_chains)} raw), {manifest.num_sequences} sequences")
    for name, file in manifest.files.items():
        print(f"{name}  {file.num_bytes / 1e6:.2f} MB  sha256 {file.sha256}")


if __name__ == "__main__":
    main()
