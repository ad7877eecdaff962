import pytest
import torch

from alphafold_lite.training.config import OptimizerConfig
from alphafold_lite.training.ema import Ema
from alphafold_lite.training.optimizer import Adam


def test_adam_is_that_of_pytorch():
    config = OptimizerConfig(beta1=0.8, beta2=0.95, epsilon=1e-5)
    ours, theirs = torch.randn(50), torch.nn.Parameter(torch.zeros(50))
    with torch.no_grad():
        theirs.copy_(ours)
    adam = Adam(ours, config)
    expected = torch.optim.Adam([theirs], betas=(0.8, 0.95), eps=1e-5)
    for step in range(20):
        gradient = torch.randn(50, generator=torch.Generator().manual_seed(step))
        adam.update(gradient, 0.1 / (1 + step))
        expected.param_groups[0]["lr"] = 0.1 / (1 + step)
        theirs.grad = gradient
        expected.step()
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_average_moves_by_its_weight():
    values = torch.tensor([1.0, 2.0])
    ema = Ema(values)
    values.add_(1)
    ema.update(values, 0.25)
    assert ema.average.tolist() == [1.25, 2.25]


def test_average_stands_in_and_leaves_again():
    values = torch.tensor([1.0, 2.0])
    ema = Ema(values)
    values.add_(1)
    with pytest.raises(ZeroDivisionError), ema.applied_to(values):
        assert values.tolist() == [1.0, 2.0]
        1 / 0  # noqa: B018
    assert values.tolist() == [2.0, 3.0]
