import numpy as np
import pytest
import torch

from alphafold_lite.predict.distogram import log_probabilities, pair_separation
from tests.support.distograms import num_pairs


@pytest.mark.parametrize(("num_res", "width"), [(1, 4), (2, 4), (5, 2), (5, 4), (5, 128)])
def test_pairs_of_the_band_by_separation(num_res, width):
    half = torch.randn(num_res, num_res, 3, generator=torch.Generator().manual_seed(0))
    logits = half + half.transpose(0, 1)
    want = [
        logits[i, i + apart].log_softmax(-1).tolist() for apart in range(1, width + 1) for i in range(num_res - apart)
    ]
    found = log_probabilities(logits, width)
    assert found.dtype == np.float16 and found.shape == (num_pairs(num_res, width), 3)
    assert found == pytest.approx(np.array(want).reshape(-1, 3), rel=1e-3, abs=1e-3)
    assert pair_separation(num_res, width).tolist() == [
        apart for apart in range(1, width + 1) for _ in range(num_res - apart)
    ]


def test_sharp_distributions_stay_finite():
    logits = torch.zeros(2, 2, 64)
    logits[..., 5], logits[..., 6] = 60.0, -1e6
    found = log_probabilities(logits, 1)
    assert np.isfinite(found).all() and found[0, 5] == 0 and found[0, 0] == -60 and found[0, 6] == -100
