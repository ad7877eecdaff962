"""Folders of made-up structures to fine-tune on: three families that are related to the small library, and an odd one out."""

from pathlib import Path

from tests.support.small_library import LENGTHS, relative
from tests.support.synthetic_backbones import backbone, pdb_text

FAMILIES = tuple(range(len(LENGTHS)))
FAMILY_SIZE = 3
REMARK = "REMARK   2 RESOLUTION.    {:.2f} ANGSTROMS.\n"


def member(family: int, number: int) -> str:
    """A sequence of a family: a fifth of the residues of a library chain drawn anew."""
    return relative(family, share=0.2, seed=10 * family + number)


def structure_text(sequence: str, seed: int, *, resolution: float | None = 2.0) -> str:
    """A PDB file with the one chain A."""
    text = pdb_text([("A", sequence, backbone(seed, len(sequence)))])
    return text if resolution is None else REMARK.format(resolution) + text


def write_structures(folder: Path, families=FAMILIES, size=FAMILY_SIZE) -> Path:
    """Files `f0m0.pdb`, `f0m1.pdb`, ... : `size` members of each family, of one fold each."""
    folder.mkdir(parents=True, exist_ok=True)
    for family in families:
        for number in range(size):
            (folder / f"f{family}m{number}.pdb").write_text(structure_text(member(family, number), family))
    return folder
