import json
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.protein import Protein
from alphafold_lite.geometry import clashes
from alphafold_lite.geometry.violations import find_violations, violating_residues
from alphafold_lite.outputs.pdb import from_pdb
from tests.support.reference import REFERENCE

NAMES = ("aatype", "residue_index", "atom14_positions", "atom14_exists")


def _read(stem, dtype=torch.float64):
    with np.load(REFERENCE / "relax" / f"{stem}_violations.npz", allow_pickle=False) as archive:
        arrays = [torch.as_tensor(archive[f"in:{name}"]) for name in NAMES]
    return arrays[0].long(), arrays[1].long(), arrays[2].to(dtype), arrays[3].to(dtype)


def _flat(found):
    parts = {field.name: getattr(found, field.name) for field in fields(found)}
    flat = {"total": parts.pop("total_per_residue_violations_mask")}
    for group, part in parts.items():
        flat |= {f"{group}/{field.name}": getattr(part, field.name) for field in fields(part)}
    return flat


def _shaken(stem="with_violations", noise=1.0, count=40, dtype=torch.float64):
    """A real chain with so much noise that every kind of violation occurs."""
    aatype, index, positions, exists = (values[:count] for values in _read(stem, dtype))
    generator = torch.Generator().manual_seed(3)
    return aatype, index, positions + noise * torch.randn(positions.shape, generator=generator, dtype=dtype), exists


def _clashes_by_loops(aatype, index, positions, exists, overlap):
    """The clash term as its definition reads, pair by pair."""
    loss, clash = np.zeros(exists.shape), np.zeros(exists.shape)
    count = 0
    atoms = [(i, a) for i, a in zip(*np.nonzero(exists.numpy()), strict=True)]
    names = list(rc.restype_name_to_atom14_names.values())
    for i, a in atoms:
        for j, b in atoms:
            bonded = index[j] == index[i] + 1 and (a, b) == (2, 0)
            if index[i] >= index[j] or bonded or (a, b) == (5, 5):
                continue
            count += 1
            radii = [rc.van_der_waals_radius[names[aatype[r]][s][0]] for r, s in ((i, a), (j, b))]
            short = sum(radii) - overlap - float((positions[i, a] - positions[j, b]).norm())
            if short > 0:
                for atom in ((i, a), (j, b)):
                    loss[atom] += short
                    clash[atom] = 1
    return loss, clash, loss.sum() / 2 / (count + 1e-6)


def test_distances_by_coordinate_are_those_of_cdist_with_a_gradient_where_atoms_coincide():
    generator = torch.Generator().manual_seed(5)
    first, second = (10 * torch.randn(2, n, 3, generator=generator) for n in (4, 6))
    second[0, 1] = first[0, 2]
    first.requires_grad_()
    squared = clashes.squared_by_coordinate(first, second)
    assert torch.allclose(squared, torch.cdist(first.double(), second.double()).square().float(), rtol=1e-4)
    (by_coordinate,) = torch.autograd.grad(torch.sqrt(clashes.DISTANCE_EPSILON + squared).sum(), first)
    (by_cdist,) = torch.autograd.grad(clashes.pair_distances(first, second).sum(), first)
    assert torch.allclose(by_coordinate, by_cdist, atol=1e-5)


def test_clashes_are_those_of_the_definition():
    arrays = _shaken("multiple_disulfides_target", noise=2.0, count=16)
    arrays[3][4] = 0  # a residue without atoms
    found = find_violations(*arrays, overlap_tolerance=1.2).between_residues
    loss, clash, mean = _clashes_by_loops(*arrays, overlap=1.2)
    assert clash.sum() > 10
    np.testing.assert_allclose(found.clashes_per_atom_loss_sum, loss, atol=1e-8)
    np.testing.assert_array_equal(found.clashes_per_atom_clash_mask, clash)
    assert float(found.clashes_mean_loss) == pytest.approx(mean, abs=1e-10)


def test_losses_reference_with_gaps_and_padding():
    with np.load(REFERENCE / "losses/losses_inputs.npz", allow_pickle=False) as archive:
        arrays = [
            torch.as_tensor(archive[name])
            for name in (
                "batch/aatype",
                "batch/residue_index",
                "pred/final_atom14_positions",
                "batch/atom14_atom_exists",
            )
        ]
    rules = json.loads((REFERENCE / "losses/tolerances.json").read_text("utf-8"))["files"]["losses_outputs.npz"]
    with np.load(REFERENCE / "losses/losses_outputs.npz", allow_pickle=False) as archive:
        for dtype in (torch.float64, torch.float32):
            flat = _flat(find_violations(arrays[0].long(), arrays[1].long(), arrays[2].to(dtype), arrays[3]))
            flat["total_per_residue_violations_mask"] = flat.pop("total")
            for name, value in flat.items():
                tolerance = rules[f"violations/{name}"][str(dtype).removeprefix("torch.")]
                np.testing.assert_allclose(value, archive[f"violations/{name}"], rtol=0, atol=tolerance, err_msg=name)


def test_rigid_motion_changes_nothing_and_distortion_does():
    arrays = _shaken()
    q, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    moved = arrays[2] @ (q * torch.linalg.det(q)).T + torch.tensor([30.0, -20.0, 500.0], dtype=torch.float64)
    before, after = _flat(find_violations(*arrays)), _flat(find_violations(arrays[0], arrays[1], moved, arrays[3]))
    stretched = _flat(find_violations(arrays[0], arrays[1], arrays[2] * torch.tensor([1.3, 1.0, 0.8]), arrays[3]))
    for name, value in before.items():
        assert value.sum() > 0, name
        assert torch.allclose(value, after[name], atol=1e-9), name
        assert "mask" in name or name == "total" or not torch.allclose(value, stretched[name], atol=1e-9), name


def test_batch_members_do_not_see_each_other():
    first, second = _shaken(noise=0.5), _shaken("with_violations_casp14", noise=1.5)
    together = [torch.stack(pair)[None] for pair in zip(first, second, strict=True)]
    batched = _flat(find_violations(*together))
    for number, alone in enumerate((first, second)):
        for name, value in _flat(find_violations(*alone)).items():
            assert torch.allclose(batched[name][0, number], value, atol=1e-12), name


def test_one_sequence_for_many_structures():
    aatype, index, positions, exists = _shaken()
    many = torch.stack([positions, positions + 1])
    found = _flat(find_violations(aatype, index, many, exists))
    for name, value in _flat(find_violations(aatype, index, positions, exists)).items():
        assert torch.allclose(found[name], value.expand(found[name].shape), atol=1e-9), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_blocks_change_neither_values_nor_gradients(monkeypatch, dtype):
    arrays = _shaken(dtype=dtype)
    results = []
    largest = []
    overlaps = clashes._overlaps
    monkeypatch.setattr(clashes, "_overlaps", lambda *rest: largest.append(len(rest[1])) or overlaps(*rest))
    for limit in (1 << 15, 7):
        monkeypatch.setattr(clashes, "PAIRS_PER_BLOCK", limit)
        largest.clear()
        positions = arrays[2].clone().requires_grad_()
        found = find_violations(arrays[0], arrays[1], positions, arrays[3])
        found.between_residues.clashes_per_atom_loss_sum.square().sum().backward()
        results.append((found.between_residues.clashes_per_atom_loss_sum.detach(), positions.grad))
        assert max(largest) <= limit
    assert len(largest) > 10
    tolerance = 1e-9 if dtype == torch.float64 else 1e-3
    for whole, in_blocks in zip(*results, strict=True):
        assert whole.abs().max() > 1
        assert torch.allclose(whole, in_blocks, atol=tolerance)


def test_gradient_is_that_of_small_steps():
    aatype, index, positions, exists = _shaken(count=5)

    def total(values):
        flat = _flat(find_violations(aatype, index, values, exists))
        return sum(value.sum() for name, value in flat.items() if "loss" in name)

    assert torch.autograd.gradcheck(total, positions.requires_grad_(), atol=1e-5)


def test_coincident_atoms_have_finite_gradients_in_float32():
    aatype, index, positions, exists = _shaken(dtype=torch.float32)
    positions = torch.zeros_like(positions).requires_grad_()
    found = _flat(find_violations(aatype, index, positions, exists))
    sum(value.sum() for name, value in found.items() if "loss" in name).backward()
    assert positions.grad.isfinite().all()
    assert found["total"].all()


def test_tolerances_decide():
    arrays = _shaken(noise=0.3)
    strict = find_violations(*arrays, tolerance_factor=1.0).total_per_residue_violations_mask.sum()
    lax = find_violations(
        *arrays, tolerance_factor=200.0, overlap_tolerance=3.4
    ).total_per_residue_violations_mask.sum()
    assert strict == len(arrays[0]) and lax == 0


def test_half_precision_is_computed_in_float32():
    arrays = _read("model_output")
    found = find_violations(arrays[0], arrays[1], arrays[2].bfloat16(), arrays[3])
    assert found.within_residues.per_atom_loss_sum.dtype == torch.float32


def test_single_residue_has_no_neighbours():
    arrays = [values[:1] for values in _read("model_output")]
    found = _flat(find_violations(*arrays))
    assert all(not value.any() for value in found.values())


@pytest.mark.parametrize(
    "stem", ["model_output", "multiple_disulfides_target", "with_violations", "with_violations_casp14"]
)
def test_violating_residues_of_pdb_files(stem):
    summary = json.loads((REFERENCE / "relax/violations_summary.json").read_text("utf-8"))[f"{stem}.pdb"]
    protein = from_pdb((REFERENCE / f"relax/{stem}.pdb").read_text("utf-8"))
    assert np.flatnonzero(violating_residues(protein)).tolist() == summary["violating_residues"]


def _protein(stem="model_output") -> Protein:
    return from_pdb((REFERENCE / f"relax/{stem}.pdb").read_text("utf-8"))


def test_unknown_residues_never_violate():
    protein = _protein("with_violations")
    unknown = replace(protein, aatype=np.full_like(protein.aatype, 20))
    assert violating_residues(protein).any() and not violating_residues(unknown).any()


def test_a_nowhere_atom_is_a_violation():
    protein = _protein()
    positions = protein.atom_positions.copy()
    positions[2, rc.atom_order["CA"]] = np.nan
    assert violating_residues(protein.with_positions(positions))[2]
    positions = protein.atom_positions.copy()
    positions[2, rc.atom_order["OXT"]] = np.nan  # not there
    assert not violating_residues(protein.with_positions(positions))[2]


def _two_chains(protein: Protein, shift: float) -> Protein:
    doubled = {field.name: np.concatenate([getattr(protein, field.name)] * 2) for field in fields(protein)}
    count = len(protein.aatype)
    doubled["chain_index"] = np.repeat([0, 1], count)
    doubled["atom_positions"][count:] += shift
    return Protein(**doubled)


def test_chains_with_equal_numbers_clash_but_are_not_bonded():
    protein = _protein()
    assert not violating_residues(_two_chains(protein, 100.0)).any()
    assert violating_residues(_two_chains(protein, 0.1)).all()


def test_consecutive_numbers_across_chains_are_no_bond():
    protein = _protein()
    count = len(protein.aatype)
    far = _two_chains(protein, 100.0)
    continued = replace(far, residue_index=np.arange(1, 2 * count + 1))
    one_chain = replace(continued, chain_index=np.zeros(2 * count, int))
    assert not violating_residues(continued).any()
    assert np.flatnonzero(violating_residues(one_chain)).tolist() == [count - 1, count]
