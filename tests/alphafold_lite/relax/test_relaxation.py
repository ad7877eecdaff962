import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from openmm.app import ForceField, PDBFile

from alphafold_lite.common.protein import Protein
from alphafold_lite.common.residue_constants import atom_order, restype_atom37_mask
from alphafold_lite.geometry.violations import violating_residues
from alphafold_lite.outputs.pdb import to_pdb
from alphafold_lite.outputs.scores import relax_metrics_json
from alphafold_lite.relax import relaxation
from alphafold_lite.relax.relaxation import available, relax
from alphafold_lite.relax.result import RelaxConfig


@pytest.fixture(scope="module")
def relaxed(strand, quick):
    return relax(strand(), violating_residues, quick)


def _positions(protein):
    return protein.atom_positions[protein.atom_mask > 0.5]


def _same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in Protein.__slots__)


def _nothing_violates(protein):
    return np.zeros(len(protein.aatype), bool)


def _heap(num_residues=40, *, scale=3.0):
    """Atoms thrown into a ball: nothing about it is a protein."""
    rng = np.random.default_rng(0)
    aatype = np.arange(num_residues) % 20
    mask = restype_atom37_mask[aatype].astype(np.float32)
    return Protein(
        atom_positions=(rng.normal(0, scale, (num_residues, 37, 3)) * mask[..., None]).astype(np.float32),
        atom_mask=mask,
        aatype=aatype,
        residue_index=np.arange(1, num_residues + 1),
        chain_index=np.zeros(num_residues, np.int64),
        b_factors=mask * 30,
    )


def test_the_packages_are_there():
    assert available() is None


def test_missing_packages_are_reported_not_raised(strand, monkeypatch):
    monkeypatch.setattr(relaxation.importlib.util, "find_spec", lambda name: None)
    result = relax(strand(), violating_residues)
    assert result.status == "failed" and not result.relaxed
    assert "pip install 'alphafold-lite[relax]'" in result.message


def test_a_strand_relaxes_to_a_minimum(strand, relaxed):
    before, metrics = strand(), relaxed.metrics
    assert relaxed.status == "converged" and relaxed.relaxed
    assert metrics.energy_after < metrics.energy_before
    assert metrics.violating_after == 0 and metrics.remaining_violations == (0,) * 10
    assert metrics.rounds == metrics.kept_round == 1 and metrics.iterations > 10
    assert metrics.heavy_atoms_added == 1  # OXT
    assert metrics.hydrogens_added == len(relaxed.hydrogens.names) > 60
    shift = (relaxed.protein.atom_positions - before.atom_positions)[before.atom_mask > 0.5]
    assert metrics.rmsd == pytest.approx(np.sqrt((shift.astype(float) ** 2).sum(-1).mean()))
    assert 0.05 < metrics.rmsd < 0.6
    assert 0 < metrics.seconds < 60 and metrics.platform == "CPU, 1 thread"


def test_plddt_is_kept_and_added_atoms_take_that_of_ca(strand, relaxed):
    before, after = strand(), relaxed.protein
    np.testing.assert_array_equal(after.b_factors[before.atom_mask > 0.5], before.b_factors[before.atom_mask > 0.5])
    oxt = atom_order["OXT"]
    np.testing.assert_array_equal(np.flatnonzero(after.atom_mask[:, oxt]), [9])
    assert after.b_factors[9, oxt] == before.b_factors[9, atom_order["CA"]]
    np.testing.assert_array_equal(after.aatype, before.aatype)


def test_hydrogens_are_bonded_and_named_as_in_the_pdb(relaxed):
    hydrogens, protein = relaxed.hydrogens, relaxed.protein
    first = [name for row, name in zip(hydrogens.residue, hydrogens.names, strict=True) if row == 0]
    assert sorted(first) == ["H", "H2", "H3", "HA", "HB1", "HB2", "HB3"]
    assert "H" not in [name for row, name in zip(hydrogens.residue, hydrogens.names, strict=True) if row == 5]  # Pro
    for row, place in zip(hydrogens.residue, hydrogens.positions, strict=True):
        heavy = protein.atom_positions[row][protein.atom_mask[row] > 0.5]
        assert 0.9 < np.linalg.norm(heavy - place, axis=-1).min() < 1.4


def test_the_written_file_is_a_complete_amber_structure(relaxed):
    text = to_pdb(relaxed.protein, hydrogens=relaxed.hydrogens)
    pdb = PDBFile(StringIO(text))
    ForceField("amber99sb.xml").createSystem(pdb.topology)  # raises if an atom were missing or misnamed
    assert pdb.topology.getNumAtoms() == relaxed.protein.atom_mask.sum() + len(relaxed.hydrogens.names)


def test_the_same_input_gives_the_same_bytes(strand, relaxed):
    random.seed(1)  # OpenMM draws from the global generator
    first = random.random()
    random.seed(1)
    again = relax(strand(), violating_residues, RelaxConfig(platform="cpu"))
    assert random.random() == first  # which is left as it was found
    assert again.metrics.platform == "CPU, 1 thread"
    texts = [to_pdb(result.protein, hydrogens=result.hydrogens) for result in (relaxed, again)]
    assert texts[0] == texts[1]
    assert replace(again.metrics, seconds=0) == replace(relaxed.metrics, seconds=0)


def test_more_threads_give_the_same_structure_but_for_rounding(strand, quick, relaxed):
    result = relax(strand(), violating_residues, replace(quick, threads=2))
    assert result.metrics.platform == "CPU, 2 threads"
    assert result.metrics.energy_after == pytest.approx(relaxed.metrics.energy_after, abs=3)
    np.testing.assert_allclose(result.protein.atom_positions, relaxed.protein.atom_positions, atol=0.3)


def test_harmonic_restraints_hold_and_freed_residues_move(strand, quick, relaxed):
    """Two residues are said to violate until they have been free for a round."""
    rounds = []

    def violations(protein):
        rounds.append(protein)
        return np.isin(np.arange(10), [3, 4]) & (len(rounds) < 4)  # the input and the first two rounds

    result = relax(strand(), violations, quick)
    assert (result.status, result.metrics.rounds, result.metrics.freed_residues) == ("converged", 3, 2)
    one, two = rounds[1], rounds[2]
    shift = np.linalg.norm(two.atom_positions - one.atom_positions, axis=-1) * one.atom_mask
    assert shift[[3, 4]].max() > 2 * shift[[0, 1, 6, 7, 8, 9]].max()
    stiff = relax(strand(), _nothing_violates, replace(quick, stiffness=1000.0))
    loose = relax(strand(), _nothing_violates, replace(quick, stiffness=1.0))
    assert stiff.metrics.rmsd < relaxed.metrics.rmsd < loose.metrics.rmsd


def test_freed_residues_accumulate(strand, quick):
    calls = iter([[1], [1], [2], [3]])

    def violations(protein):
        return np.isin(np.arange(10), next(calls))

    result = relax(strand(), violations, quick)
    assert result.status == "violations_remain" and result.metrics.rounds == 3
    assert result.metrics.freed_residues == 2  # 1 and 2; 3 came too late
    assert result.metrics.remaining_violations == (0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
    assert "1 violating residue remains after 3 rounds" in result.message


@pytest.mark.parametrize(
    ("counts", "kept", "status"),
    [
        ([2, 3, 1, 2], 2, "violations_remain"),
        ([2, 3, 2, 2], 3, "violations_remain"),
        ([2, 3, 4, 5], 0, "kept_unrelaxed"),
        ([0, 1, 1, 1], 0, "kept_unrelaxed"),
    ],
)
def test_never_more_violating_residues_than_before(strand, quick, counts, kept, status):
    number = iter(counts)
    result = relax(strand(), lambda protein: np.arange(10) < next(number), replace(quick, max_iterations=20))
    assert (result.metrics.kept_round, result.status) == (kept, status)
    assert result.metrics.violating_before == counts[0]
    assert result.metrics.violating_after == counts[kept] == sum(result.metrics.remaining_violations)
    assert result.relaxed == (kept > 0)
    if kept == 0:
        assert _same(result.protein, strand()) and result.hydrogens is None
        assert f"more violating residues ({min(counts[1:])}) than the input has ({counts[0]})" in result.message
        assert "the unrelaxed model stays" in result.message
    elif kept < 3:
        assert "round 2 of 3 is kept" in result.message


def test_unknown_residues_stay_as_they_are_and_are_mentioned(strand, quick):
    protein = strand("AFGKXPSHMQEL".replace("X", "A"))
    aatype = protein.aatype.copy()
    aatype[[4, 11]] = 20
    protein = replace(protein, aatype=aatype)
    result = relax(protein, violating_residues, quick)
    assert result.status == "converged" and "2 unknown (X)" in result.message
    assert result.metrics.residues_skipped == 2
    np.testing.assert_array_equal(result.protein.atom_positions[[4, 11]], protein.atom_positions[[4, 11]])
    assert np.abs(_positions(result.protein) - _positions(protein)).max() > 0.05
    oxt = atom_order["OXT"]
    assert not result.protein.atom_mask[:, oxt].any()  # both ends of pieces are artificial; the chain's own end is an X
    names = {row: [] for row in range(12)}
    for row, name in zip(result.hydrogens.residue, result.hydrogens.names, strict=True):
        names[int(row)].append(name)
    assert {"H", "H2", "H3"} <= set(names[0])
    assert not {"H", "H2", "H3"} & set(names[5])  # proline after the gap: an artificial end without its two extra
    assert names[4] == names[11] == []
    text = to_pdb(result.protein, hydrogens=result.hydrogens)
    assert [line[17:20] for line in text.splitlines() if line[12:16] == " CA "][4] == "UNK"


def test_unknown_residues_without_atoms(strand, quick):
    protein = strand()
    aatype, mask = protein.aatype.copy(), protein.atom_mask.copy()
    aatype[4], mask[4] = 20, 0
    result = relax(replace(protein, aatype=aatype, atom_mask=mask), violating_residues, quick)
    assert result.status == "converged" and result.protein.atom_mask[4].sum() == 0
    names = [name for row, name in zip(result.hydrogens.residue, result.hydrogens.names, strict=True) if row == 5]
    assert "H2" not in names


def test_two_chains_have_four_ends(strand, quick):
    protein = strand()
    moved = protein.with_positions(protein.atom_positions + np.float32(12) * protein.atom_mask[..., None])
    both = Protein(
        **{name: np.concatenate([getattr(protein, name), getattr(moved, name)]) for name in Protein.__slots__}
    )
    both = replace(both, chain_index=np.repeat([0, 1], 10))
    result = relax(both, violating_residues, quick)
    assert result.status == "converged"
    np.testing.assert_array_equal(np.flatnonzero(result.protein.atom_mask[:, atom_order["OXT"]]), [9, 19])
    assert [
        int(row) for row, name in zip(result.hydrogens.residue, result.hydrogens.names, strict=True) if name == "H3"
    ] == [
        0,
        10,
    ]


def test_missing_heavy_atoms_are_built(strand, quick):
    protein = strand()
    mask = protein.atom_mask.copy()
    mask[1, 6:] = 0  # the ring of phenylalanine
    mask[3, atom_order["O"]] = 0
    missing = int(protein.atom_mask.sum() - mask.sum())
    incomplete = replace(protein, atom_mask=mask, atom_positions=protein.atom_positions * mask[..., None])
    result = relax(incomplete, violating_residues, quick)
    assert result.status == "converged"
    assert result.metrics.heavy_atoms_added == missing + 1
    np.testing.assert_array_equal(result.protein.atom_mask[:9], protein.atom_mask[:9])


@pytest.mark.parametrize("length", [0, 1])
def test_a_single_residue_is_skipped(strand, take, quick, length):
    protein = take(strand(), slice(0, length))
    result = relax(protein, violating_residues, quick)
    assert result.status == "skipped_too_short" and not result.relaxed and _same(result.protein, protein)
    assert "the unrelaxed model stays" in result.message


def test_two_residues_are_enough(strand, take, quick):
    assert relax(take(strand(), slice(0, 2)), violating_residues, quick).status == "converged"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x * 0, "lie on another one"),
        (lambda x: np.where(np.arange(37)[:, None] == 1, np.nan, x), "not finite"),
        (lambda x: x + np.inf, "not finite"),
        (lambda x: x * 1e6, "beyond 100000 Å"),
    ],
)
def test_coordinates_that_make_no_sense_fail_with_one_line(strand, quick, spoil, message):
    protein = strand()
    protein = protein.with_positions(spoil(protein.atom_positions).astype(np.float32))
    result = relax(protein, violating_residues, quick)
    assert result.status == "failed" and message in result.message and "\n" not in result.message
    assert result.protein is protein and result.hydrogens is None


def test_errors_of_the_violation_function_or_openmm_do_not_escape(strand, quick):
    def broken(protein):
        raise ValueError("first line\nsecond line")

    result = relax(strand(), broken, quick)
    assert result.status == "failed"
    assert result.message == "relaxation failed: ValueError: first line second line; the unrelaxed model stays"


def test_cuda_where_there_is_none(strand, quick):
    openmm = pytest.importorskip("openmm")
    if "CUDA" in {openmm.Platform.getPlatform(n).getName() for n in range(openmm.Platform.getNumPlatforms())}:
        assert relax(strand(), violating_residues, replace(quick, platform="cuda")).status == "converged"
        return
    result = relax(strand(), violating_residues, replace(quick, platform="cuda"))
    assert result.status == "failed" and "alphafold-lite[relax-cuda]" in result.message
    assert relax(strand(), violating_residues, replace(quick, platform="auto")).metrics.platform == "CPU, 1 thread"


def test_atoms_on_top_of_each_other_come_apart(strand, quick):
    """An untrained network puts equal neighbours into the same place, where Lennard-Jones is infinite."""
    protein = strand("AFGKCPPSHMMQ")
    positions = protein.atom_positions.copy()
    positions[6], positions[10] = positions[5], positions[9] + np.float32(0.001)
    protein = protein.with_positions(positions)
    result = relax(protein, violating_residues, quick)
    assert result.relaxed and result.metrics.energy_before is None  # infinite
    assert result.metrics.violating_after < result.metrics.violating_before
    distances = np.linalg.norm(_positions(result.protein)[:, None] - _positions(result.protein)[None], axis=-1)
    assert distances[np.triu_indices_from(distances, 1)].min() > 1.1
    relax_metrics_json({"x": result.metrics})


def test_a_heap_of_atoms_ends_at_the_limit_of_iterations(quick):
    result = relax(_heap(), violating_residues, replace(quick, max_iterations=50))
    assert result.relaxed and result.status == "violations_remain"
    assert result.metrics.rounds == 3 and 150 <= result.metrics.iterations <= 160
    assert result.metrics.violating_after <= result.metrics.violating_before


def test_a_heap_of_atoms_ends_at_the_time_limit(quick):
    started = time.monotonic()
    result = relax(_heap(80, scale=1.0), violating_residues, replace(quick, max_seconds=6.0))
    assert time.monotonic() - started < 60  # unlimited, it takes minutes
    assert result.status == "time_limit" and result.relaxed and "time limit" in result.message
    assert result.metrics.violating_after <= result.metrics.violating_before == 80
    assert np.isfinite(result.protein.atom_positions).all()


def test_no_time_at_all(strand, quick):
    result = relax(strand(), violating_residues, replace(quick, max_seconds=1e-3))
    assert result.status == "time_limit" and not result.relaxed
    assert result.metrics.violating_after == result.metrics.violating_before == 1


def test_the_limit_of_iterations_without_violations(strand, quick):
    result = relax(strand(), _nothing_violates, replace(quick, max_iterations=30))
    assert result.status == "iteration_limit" and result.relaxed and result.metrics.iterations <= 35


def test_an_interrupt_goes_through(quick):
    """Ctrl-C during the minimisation is neither lost in OpenMM nor taken for a failed relaxation."""
    timer = threading.Timer(2.0, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        relax(_heap(60, scale=0.5), violating_residues, quick)
    timer.join()


@pytest.mark.parametrize(
    "wrong",
    [
        {"stiffness": 0.0},
        {"torsion_stiffness": -1.0},
        {"max_rounds": 0},
        {"max_seconds": -1.0},
        {"threads": -1},
        {"max_iterations": -1},
    ],
)
def test_the_configuration_is_checked(wrong):
    with pytest.raises(ValueError, match="must"):
        RelaxConfig(**wrong)


def test_importing_loads_neither_torch_nor_openmm():
    code = "import sys, alphafold_lite.relax.relaxation, alphafold_lite.outputs.pdb; "
    code += "sys.exit(bool({'torch', 'openmm', 'pdbfixer'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
