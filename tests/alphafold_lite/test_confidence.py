import json

import numpy as np
import pytest
import torch

from alphafold_lite import confidence
from alphafold_lite.parity.confidence_cases import confidence_arrays
from alphafold_lite.parity.produced import Context
from tests.support.reference import REFERENCE


def _logits(*shape, seed=0, dtype=torch.float64):
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def _certain(bins, num_bins):
    return 1e4 * torch.nn.functional.one_hot(torch.as_tensor(bins), num_bins).double()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_recorded_scores(dtype):
    folder = REFERENCE / "confidence"
    rules = json.loads((folder / "tolerances.json").read_text("utf-8"))["files"]["confidence.npz"]
    produced = {
        item.name: item.value for item in confidence_arrays(folder, Context(dtype=dtype, device=torch.device("cpu")))
    }
    assert set(produced) == set(rules)
    with np.load(folder / "confidence.npz", allow_pickle=False) as archive:
        for name, rule in rules.items():
            assert produced[name].shape == archive[name].shape
            np.testing.assert_allclose(
                produced[name], archive[name], rtol=0, atol=rule[str(dtype).removeprefix("torch.")], err_msg=name
            )


def test_plddt_of_certain_bins():
    assert confidence.plddt(_certain([0, 24, 49], 50)).tolist() == pytest.approx([1, 49, 99])
    assert confidence.plddt(torch.zeros(4, 50)).tolist() == pytest.approx([50] * 4)


def test_pae_of_certain_bins_and_its_maximum():
    pae, largest = confidence.predicted_aligned_error(_certain([[0, 10], [63, 1]], 64))
    assert pae.flatten().tolist() == pytest.approx([0.25, 5.25, 31.75, 0.75])
    assert float(largest) == pytest.approx(31.75)
    wider, largest = confidence.predicted_aligned_error(_certain([[0, 10], [63, 1]], 64), max_bin=62.0)
    assert torch.allclose(wider, 2 * pae) and float(largest) == pytest.approx(63.5)


def test_probabilities_add_up():
    assert torch.allclose(
        confidence.pae_probabilities(_logits(7, 7, 64)).sum(-1), torch.ones(7, 7, dtype=torch.float64)
    )


@pytest.mark.parametrize(("count", "counted"), [(5, 19), (40, 40)])
def test_ptm_of_a_certain_error(count, counted):
    d0 = 1.24 * (counted - 15) ** (1 / 3) - 1.8
    score = confidence.ptm(_certain(torch.full((count, count), 10), 64))
    assert float(score) == pytest.approx(1 / (1 + (5.25 / d0) ** 2))


def test_ptm_is_that_of_the_best_frame():
    bins = torch.full((30, 30), 40)
    bins[7] = 2
    best = confidence.ptm(_certain(torch.full((30, 30), 2), 64))
    assert torch.allclose(confidence.ptm(_certain(bins, 64)), best)
    assert confidence.ptm(_certain(bins.T, 64)) < best


def test_padding_does_not_count():
    logits = _logits(40, 40, 64)
    mask = torch.zeros(40)
    mask[:29] = 1
    asym_id = torch.arange(40) // 10
    for chains in (None, asym_id):
        cropped = confidence.ptm(logits[:29, :29], asym_id=None if chains is None else chains[:29])
        padded = confidence.ptm(logits, residue_mask=mask, asym_id=chains)
        assert torch.allclose(padded, cropped, atol=1e-12)
        assert not torch.allclose(confidence.ptm(logits, asym_id=chains), cropped, atol=1e-6)


def test_order_of_residues_does_not_matter():
    logits, asym_id = _logits(25, 25, 64), torch.arange(25) // 9
    order = torch.randperm(25, generator=torch.Generator().manual_seed(1))
    turned = logits[order][:, order]
    assert torch.allclose(confidence.ptm(turned), confidence.ptm(logits))
    assert torch.allclose(confidence.ptm(turned, asym_id=asym_id[order]), confidence.ptm(logits, asym_id=asym_id))


def test_iptm_sees_only_pairs_of_chains():
    bins = torch.full((20, 20), 0)
    bins[:10, 10:] = bins[10:, :10] = 50
    asym_id = torch.arange(20) // 10
    uniform = confidence.ptm(_certain(torch.full((20, 20), 50), 64))
    assert torch.allclose(confidence.ptm(_certain(bins, 64), asym_id=asym_id), uniform)
    assert confidence.ptm(_certain(bins, 64)) > 100 * uniform
    assert confidence.ptm(_certain(bins, 64), asym_id=torch.zeros(20, dtype=torch.int64)) == 0


def test_batches_are_scored_one_by_one():
    logits = _logits(2, 3, 22, 22, 64)
    scores = confidence.ptm(logits)
    assert scores.shape == (2, 3)
    assert torch.allclose(scores[1, 2], confidence.ptm(logits[1, 2]))
    assert confidence.plddt(_logits(2, 3, 22, 50)).shape == (2, 3, 22)


def test_precision():
    logits = _logits(20, 20, 64).bfloat16()
    assert confidence.ptm(logits).dtype == confidence.predicted_aligned_error(logits)[0].dtype == torch.float32
    assert confidence.plddt(_logits(5, 50)).dtype == torch.float64
    assert torch.isfinite(confidence.plddt(torch.full((3, 50), 1e30)))[0]
