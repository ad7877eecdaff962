import pytest
import torch

from alphafold_lite.training.losses.averages import cross_entropy, in_range, masked_mean
from alphafold_lite.training.losses.config import ResolutionRange


def test_masked_mean_broadcasts_its_mask():
    values = torch.arange(12.0).reshape(2, 2, 3)
    mask = torch.tensor([1.0, 0.0, 1.0])[None]
    want = values[..., [0, 2]].mean((-2, -1))
    torch.testing.assert_close(masked_mean(values, mask, dims=(-2, -1), epsilon=1e-8), want)


def test_masked_mean_of_nothing_is_zero():
    assert masked_mean(torch.ones(3), torch.zeros(3), dims=(-1,), epsilon=1e-8) == 0


def test_cross_entropy_by_definition():
    logits = torch.randn(2, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[0, 4, 2], [1, 1, 3]])
    want = logits.exp().sum(-1).log() - logits.gather(-1, labels[..., None])[..., 0]
    torch.testing.assert_close(cross_entropy(logits, labels), want)


def test_cross_entropy_of_bfloat16_is_float32():
    logits = torch.randn(4, 5).bfloat16()
    got = cross_entropy(logits, torch.zeros(4, dtype=torch.int64))
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, cross_entropy(logits.float(), torch.zeros(4, dtype=torch.int64)))


@pytest.mark.parametrize(
    ("resolution", "inside"), [(0.0, False), (0.05, False), (0.1, True), (1.5, True), (3.0, True), (3.01, False)]
)
def test_resolutions(resolution, inside):
    assert bool(in_range(torch.tensor(resolution), ResolutionRange())) is inside
    assert bool(in_range(torch.tensor(resolution), None))
