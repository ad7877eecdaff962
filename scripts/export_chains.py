"""Write chains of a packed set as PDB or mmCIF files, for example to fine-tune on.

    python scripts/export_chains.py DATA/pdb_subset/allatom_train.npz OUT [--names list.txt] [--format cif|pdb] [--limit N] [--gzip]

A file a chain, called after it. Coordinates are those of the set (0.01 A); gaps of its numbering are kept.
"""

import argparse
import gzip
import re
import sys
from pathlib import Path

import gemmi

sys.path.insert(0, str(Path(__file__).parents[1]))

from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.outputs.pdb import to_pdb
from alphafold_lite.training.chains import Chain, ChainSet
from alphafold_lite.training.run_folder import read_names

SAFE = re.compile(r"\w[\w.-]*")


def pdb_text(chain: Chain) -> str:
    """The chain as PDB, its one chain called A."""
    return to_pdb(chain.protein, remarks=(f"chain {chain.id} of a packed set",))


def cif_text(chain: Chain) -> str:
    """The chain as mmCIF, with its sequence as an entity, X where residues are missing in between."""
    structure = gemmi.read_pdb_string(pdb_text(chain))
    structure.name = chain.id
    structure.setup_entities()
    numbers = chain.residue_index
    names = ["UNK"] * (int(numbers[-1]) + 1)
    for number, letter in zip(numbers, chain.sequence, strict=True):
        names[int(number)] = gemmi.expand_one_letter(letter, gemmi.ResidueKind.AA) or "UNK"
    structure.entities[0].full_sequence = names
    for residue in structure[0][0]:
        residue.label_seq = residue.seqid.num  # residues are numbered from 1 along the sequence
    return structure.make_mmcif_document().as_string()


WRITERS = {"pdb": pdb_text, "cif": cif_text}


def export(
    data: Path, folder: Path, *, names: frozenset[str] | None, kind: str, limit: int | None, packed: bool
) -> int:
    """Write the chains; returns how many.

    Raises:
        InputError: none of the names is in the set, or a name that is no file name.
    """
    chains = ChainSet.open(data)
    places = [place for place, name in enumerate(chains.ids) if names is None or name in names][:limit]
    if not places:
        raise InputError(f"names of chains of {data}", "none", "correct the list")
    for place in places:
        chain = chains[place]
        if not SAFE.fullmatch(chain.id):
            raise InputError("a name of a chain that can name a file", repr(chain.id), "rename the chain")
        content = WRITERS[kind](chain).encode()
        name = f"{chain.id}.{kind}"
        write_atomic(
            folder / (f"{name}.gz" if packed else name), gzip.compress(content, mtime=0) if packed else content
        )
    return len(places)


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--names", type=Path, help="a file with names of chains; default: all")
    parser.add_argument("--format", choices=sorted(WRITERS), default="cif")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--gzip", action="store_true")
    args = parser.parse_args()
    names = None if args.names is None else read_names(args.names)
    count = export(args.data, args.out, names=names, kind=args.format, limit=args.limit, packed=args.gzip)
    print(f"{count} chains: {args.out}")


if __name__ == "__main__":
    main()
