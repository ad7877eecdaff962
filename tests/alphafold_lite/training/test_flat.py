import pytest
import torch

from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.alphafold import build
from alphafold_lite.training.flat import FlatParameters, clip_factor
from tests.support.training_runs import small_model


def test_parameters_and_gradients_are_views():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    before = [p.detach().clone() for p in model.parameters()]
    flat = FlatParameters(model)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert [span.name for span in flat.spans] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    x = torch.randn(5, 3)
    model(x).square().sum().backward()
    once = flat.gradient.clone()
    model(x).square().sum().backward()
    assert torch.allclose(flat.gradient, 2 * once)
    flat.values.zero_()
    assert all(not p.any() for p in model.parameters())
    flat.zero_gradient()
    assert not model[0].weight.grad.any()


def test_gradient_is_that_of_the_network():
    model = build(small_model(), reference())
    expected = sum(p.numel() for p in model.parameters())
    flat = FlatParameters(model)
    assert flat.values.numel() == expected == flat.spans[-1].stop
    assert {span.name for span in flat.spans} == {name for name, _ in model.named_parameters()}


def test_clipping_never_lengthens():
    assert float(clip_factor(torch.tensor(5.0), 0.1)) * 5 == pytest.approx(0.1)
    assert float(clip_factor(torch.tensor(0.05), 0.1)) == 1.0
    assert float(clip_factor(torch.tensor(0.0), 0.1)) == 1.0


def test_parameters_that_are_not_finite_are_named():
    model = torch.nn.Linear(3, 4)
    flat = FlatParameters(model)
    flat.gradient[-1] = float("nan")
    assert flat.culprits(flat.gradient) == ["bias"]
