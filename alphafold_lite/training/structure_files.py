"""Folders of PDB and mmCIF files as chains. Both formats are taken apart into one PDB text a chain, which `outputs.pdb` reads."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from Bio.PDB.Chain import Chain as BioChain
from Bio.PDB.MMCIFParser import MMCIFParser
from Bio.PDB.PDBExceptions import PDBConstructionException, PDBIOException
from Bio.PDB.PDBIO import PDBIO

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.backbone import with_arginine_names, with_beta_carbons
from alphafold_lite.common.errors import InputError
from alphafold_lite.common.protein import Protein
from alphafold_lite.outputs.pdb import from_pdb
from alphafold_lite.training.chains import SIDE_CHAIN, Chain
from data_pipeline.parsers.text import read_text

PDB_ENDINGS, CIF_ENDINGS = (".pdb", ".ent"), (".cif", ".mmcif")
RESOLUTION = re.compile(r"^REMARK   2 RESOLUTION\.\s+(\d+\.\d+)", re.MULTILINE)
CIF_RESOLUTION_KEYS = ("_refine.ls_d_res_high", "_em_3d_reconstruction.resolution")
CHAIN_COLUMN = 21  # of a PDB line
ALPHA_CARBON = re.compile(r"^(ATOM  |HETATM).{6} CA [ A1].+", re.MULTILINE)  # calcium is written one column to the left


def read_folder(folder: Path) -> tuple[Chain, ...]:
    """Every protein chain of every structure file of a folder, by file name; equal sequences share a cluster.

    Raises:
        InputError: no structure file, a file that cannot be read, or no protein chain in any.
    """
    paths = sorted(path for path in folder.iterdir() if _ending(path) in PDB_ENDINGS + CIF_ENDINGS)
    if not paths:
        kinds = ", ".join(f"*{ending}" for ending in PDB_ENDINGS + CIF_ENDINGS)
        raise InputError(f"structure files ({kinds}, each also with .gz) in {folder}", "none", "give another folder")
    clusters: dict[str, int] = {}
    chains: list[Chain] = []
    for path in paths:
        for name, text, resolution in _chain_texts(path):
            protein = _protein(text)
            if protein is not None:
                sequence = "".join(rc.restypes_with_x[kind] for kind in protein.aatype)
                cluster = clusters.setdefault(sequence, len(clusters))
                chains.append(_to_chain(protein, f"{_stem(path)}_{name}", sequence, cluster, resolution))
    if not chains:
        raise InputError(f"protein chains in {folder}", f"none in {len(paths)} files", "give another folder")
    return tuple(chains)


def _ending(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def _stem(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).stem


def _chain_texts(path: Path) -> Iterator[tuple[str, str, float | None]]:
    """Name, PDB text and resolution (Å) of each chain of the first model."""
    text = read_text(path)
    return _from_mmcif(text, path) if _ending(path) in CIF_ENDINGS else _from_pdb_text(text)


def _from_pdb_text(text: str) -> Iterator[tuple[str, str, float | None]]:
    found = RESOLUTION.search(text)
    lines: dict[str, list[str]] = {}
    for line in text.split("\n"):
        if line.startswith("ENDMDL"):
            break
        if line.startswith(("ATOM  ", "HETATM")) and len(line) > CHAIN_COLUMN:
            lines.setdefault(line[CHAIN_COLUMN], []).append(line)
    for name, records in lines.items():
        yield name.strip() or "A", "\n".join((*records, "END\n")), None if found is None else float(found[1])


def _from_mmcif(text: str, path: Path) -> Iterator[tuple[str, str, float | None]]:
    """Residues are numbered by their place in the full sequence (`label_seq_id`), so that missing ones leave a jump."""
    parser = MMCIFParser(QUIET=True, auth_residues=False)
    try:
        structure = parser.get_structure("structure", io.StringIO(text))
    except (PDBConstructionException, ValueError, KeyError, IndexError) as error:
        raise InputError(f"an mmCIF file {path}", f"text that cannot be read ({error})", "check the file") from error
    table = getattr(parser, "_mmcif_dict", {})
    values = [value for key in CIF_RESOLUTION_KEYS for value in table.get(key, ()) if re.fullmatch(r"[\d.]+", value)]
    models = [] if structure is None else list(structure)
    for chain in models[0] if models else ():
        yield chain.id, _chain_text(chain, path), float(values[0]) if values else None


def _chain_text(chain: BioChain, path: Path) -> str:
    writer, buffer = PDBIO(), io.StringIO()
    renamed = chain.copy()
    renamed.id = "A"  # a PDB file has one column for it
    try:
        writer.set_structure(renamed)
        writer.save(buffer)
    except (PDBIOException, ValueError) as error:
        raise InputError(
            f"chains that fit the PDB format in {path}", f"chain {chain.id}: {error}", "split the chain"
        ) from error
    return buffer.getvalue()


def _protein(text: str) -> Protein | None:
    """The residues with a CA atom, or None where there are none (nucleic acids, ligands, water)."""
    if ALPHA_CARBON.search(text) is None:
        return None
    protein = from_pdb(text)
    kept = protein.atom_mask[:, rc.atom_order["CA"]] > 0
    if not kept.any():
        return None
    return Protein(**{name: getattr(protein, name)[kept] for name in Protein.__dataclass_fields__})


def _to_chain(protein: Protein, name: str, sequence: str, cluster: int, resolution: float | None) -> Chain:
    mask = protein.atom_mask
    positions = with_arginine_names(protein.aatype, protein.atom_positions, mask)
    has_side_chains = bool(mask[:, SIDE_CHAIN].any())
    if not has_side_chains and not mask[:, rc.atom_order["CB"]].any():
        positions, mask = with_beta_carbons(protein.aatype, positions, mask)
    return Chain(
        id=name,
        cluster=cluster,
        sequence=sequence,
        aatype=protein.aatype.astype(np.int32),
        residue_index=(protein.residue_index - protein.residue_index[0]).astype(np.int32),
        atom37_positions=positions,
        atom37_mask=mask,
        has_side_chains=has_side_chains,
        resolution=resolution,
    )
