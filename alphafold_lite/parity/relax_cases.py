"""The violations of a `relax` reference folder: from the recorded atoms, and counted for the PDB files as our reader sees them."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alphafold_lite.common.protein import Protein
from alphafold_lite.geometry.violations import Violations, find_protein_violations, find_violations
from alphafold_lite.outputs.pdb import from_pdb
from alphafold_lite.parity.produced import Context, Produced

SUMMARY_FILE = "violations_summary.json"
_TOTAL = "total_per_residue_violations_mask"


def relax_arrays(folder: Path, context: Context) -> Iterator[Produced]:
    """Violations of every recorded structure, then the summary of the PDB files."""
    for path in sorted(folder.glob("*_violations.npz")):
        with np.load(path, allow_pickle=False) as archive:
            found = _recorded_violations(archive, context)
        for name, value in named_violations(found).items():
            yield Produced(path.name, f"out:{name}", value.cpu().numpy())
    if (folder / SUMMARY_FILE).is_file():
        proteins = {path.name: from_pdb(path.read_text("utf-8")) for path in sorted(folder.glob("*.pdb"))}
        yield Produced(SUMMARY_FILE, SUMMARY_FILE, {name: _summary(protein) for name, protein in proteins.items()})


def _recorded_violations(archive: Any, context: Context) -> Violations:
    aatype, residue_index = (
        torch.as_tensor(archive[f"in:{name}"], dtype=torch.int64, device=context.device)
        for name in ("aatype", "residue_index")
    )
    positions, exists = (
        torch.as_tensor(archive[f"in:{name}"]).to(context.device, context.dtype)
        for name in ("atom14_positions", "atom14_exists")
    )
    return find_violations(aatype, residue_index, positions, exists)


def named_violations(found: Violations) -> dict[str, Tensor]:
    """Every array under its recorded name."""
    named = {_TOTAL: found.total_per_residue_violations_mask}
    for group in ("between_residues", "within_residues"):
        part = getattr(found, group)
        named |= {f"{group}/{field.name}": getattr(part, field.name) for field in fields(part)}
    return named


def _summary(protein: Protein) -> dict[str, Any]:
    """Counts of one structure; residues by their row."""
    found = find_protein_violations(protein)
    between, within = found.between_residues, found.within_residues
    violating = _rows(found.total_per_residue_violations_mask)
    return {
        "n_res": len(protein.aatype),
        "n_violating_residues": len(violating),
        "n_clash_atoms": int(between.clashes_per_atom_clash_mask.sum()),
        "connections": _rows(between.connections_per_residue_violation_mask),
        "n_within": int(within.per_atom_violations.sum()),
        "violating_residues": violating,
    }


def _rows(mask: Tensor) -> list[int]:
    return [int(row) for row in torch.nonzero(mask)[:, 0]]
