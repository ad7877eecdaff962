"""Relaxation of AlphaFold's own test structures and of experimental chains with noise."""

import numpy as np
import pytest

from alphafold_lite.common import residue_constants
from alphafold_lite.common.protein import Protein
from alphafold_lite.geometry.violations import violating_residues
from alphafold_lite.outputs.pdb import from_pdb, to_pdb
from alphafold_lite.relax.relaxation import relax
from tests.support.reference import REFERENCE


def _chirality(protein):
    """Signed volume at CA, Å³: positive for L, zero for glycine."""
    n, ca, c, cb = (protein.atom_positions[:, residue_constants.atom_order[name]] for name in ("N", "CA", "C", "CB"))
    there = protein.atom_mask[:, residue_constants.atom_order["CB"]]
    return np.einsum("ni,ni->n", np.cross(n - ca, c - ca), cb - ca) * there


@pytest.mark.parametrize(
    ("name", "violating_before"),
    [("model_output", 0), ("with_violations", 8), ("with_violations_casp14", 13), ("multiple_disulfides_target", 21)],
)
def test_structures_of_the_reference_lose_all_violations(name, violating_before, quick):
    """AlphaFold leaves some in the casp14 case; here none of the four keeps any."""
    protein = from_pdb((REFERENCE / "relax" / f"{name}.pdb").read_text())
    result = relax(protein, violating_residues, quick)
    metrics = result.metrics
    assert metrics.violating_before == violating_before
    assert (metrics.violating_after, result.status) == (0, "converged")
    assert metrics.rmsd < 0.4 and metrics.energy_after < metrics.energy_before
    assert (_chirality(result.protein) < 0).sum() == (_chirality(protein) < 0).sum()
    written = from_pdb(to_pdb(result.protein, hydrogens=result.hydrogens))
    assert not violating_residues(written).any()
    if name == "multiple_disulfides_target":
        sulphur = result.protein.atom_positions[result.protein.aatype == 4, residue_constants.atom_order["SG"]]
        distances = np.linalg.norm(sulphur[:, None] - sulphur[None], axis=-1)
        bonded = np.argwhere(np.triu((distances < 2.5), 1))
        assert len(bonded) == 13 and len(np.unique(bonded)) == 26
        assert all(1.9 < distances[i, j] < 2.2 for i, j in bonded)
        of_cysteines = np.isin(result.hydrogens.residue, np.flatnonzero(result.protein.aatype == 4))
        names = np.array(result.hydrogens.names)[of_cysteines]
        assert (names == "HG").sum() == len(sulphur) - 26


def _chain(number):
    with np.load(REFERENCE.parent / "data" / "pdb_subset" / "allatom_valid.npz", allow_pickle=False) as archive:
        rows = slice(archive["offset"][number], archive["offset"][number + 1])
        letters = archive["sequence"][rows].tobytes().decode()
        atom14 = archive["coords"][rows].astype(np.float32) / 100
        exists, residue_index = archive["mask"][rows], archive["residue_index"][rows] + 1
    aatype = np.array([residue_constants.restype_order[letter] for letter in letters])
    columns = residue_constants.restype_atom14_to_atom37[aatype].astype(int)
    positions, mask = np.zeros((len(aatype), 37, 3), np.float32), np.zeros((len(aatype), 37), np.float32)
    for row, column in np.argwhere(exists):
        positions[row, columns[row, column]], mask[row, columns[row, column]] = atom14[row, column], 1
    return Protein(
        atom_positions=positions,
        atom_mask=mask,
        aatype=aatype,
        residue_index=residue_index,
        chain_index=np.zeros(len(aatype), np.int64),
        b_factors=50 * mask,
    )


# 15 has a gap, 31 lacks side-chain atoms; 2 needs the gentle start (a carboxylate ends on a line without it).
@pytest.mark.parametrize("number", [2, 15, 31])
def test_experimental_chains_recover_from_noise(number, quick):
    """0.3 Å on every coordinate, that is 0.52 Å per atom: all residues violate, none does afterwards."""
    experiment = _chain(number)
    noise = np.random.default_rng(0).normal(0, 0.3, experiment.atom_positions.shape)
    noisy = experiment.with_positions(
        (experiment.atom_positions + noise * experiment.atom_mask[..., None]).astype(np.float32)
    )
    result = relax(noisy, violating_residues, quick)
    allowed = int(violating_residues(experiment).sum())
    assert result.metrics.violating_before > 0.9 * len(experiment.aatype)
    assert result.metrics.violating_after <= allowed and result.status == "converged"
    shift = (result.protein.atom_positions - experiment.atom_positions)[experiment.atom_mask > 0.5]
    assert np.sqrt((shift.astype(float) ** 2).sum(-1).mean()) < 0.4  # to the experiment; it was 0.52
    assert result.metrics.rmsd < 0.55  # to the noisy input
