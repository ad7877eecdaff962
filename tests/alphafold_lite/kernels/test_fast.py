"""The fast kernels against the reference kernels, operation by operation, with budgets so small that every block path is taken."""

import pytest
import torch

from alphafold_lite.kernels.fast import FastKernels, fast
from alphafold_lite.kernels.reference import reference

TRUTH = reference()
BUDGETS = (1, 3000, 2**30)


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_attention(budget, lead, biased, masked):
    q, k, v = (randn(*lead, 5, 3, 7, 4, seed=i) for i in range(3))
    mask = (randn(*lead, 5, 7, seed=3) > -0.5).double() if masked else torch.ones(*lead, 5, 7, dtype=torch.float64)
    bias = randn(*lead, 3, 7, 7, seed=4) if biased else None
    got = FastKernels(budget=budget).attention(q, k, v, mask, bias)
    assert got.shape == q.shape
    assert torch.allclose(got, TRUTH.attention(q, k, v, mask, bias), atol=1e-12)


def test_attention_with_other_numbers_of_queries_and_keys():
    q, k, v = randn(6, 2, 1, 4), randn(6, 2, 3, 4, seed=1), randn(6, 2, 3, 5, seed=2)
    mask = torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64).expand(6, 3)
    got = FastKernels(budget=1).attention(q, k, v, mask, None)
    assert torch.allclose(got, TRUTH.attention(q, k, v, mask, None), atol=1e-12)


def test_masked_keys_have_no_influence_and_a_row_without_keys_stays_finite():
    q, k, v = (randn(2, 2, 4, 3, seed=i, dtype=torch.float32) for i in range(3))
    mask = torch.tensor([[1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    changed = v.clone()
    changed[0, :, 2] = 100.0
    for ops in (TRUTH, fast()):
        got = ops.attention(q, k, v, mask, None)
        assert bool(torch.isfinite(got).all())
        assert torch.allclose(got[0], ops.attention(q, k, changed, mask, None)[0])


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("lead", [(), (2,)])
def test_outer_product(budget, lead):
    left, right, weight = randn(*lead, 4, 6, 3), randn(*lead, 4, 6, 3, seed=1), randn(9, 5, seed=2)
    got = FastKernels(budget=budget).outer_product(left, right, lambda x: x @ weight)
    assert torch.allclose(got, TRUTH.outer_product(left, right, lambda x: x @ weight), atol=1e-12)


@pytest.mark.parametrize("lead", [(), (2,), (2, 2)])
def test_triangle_product(lead):
    a, b = randn(*lead, 6, 6, 3), randn(*lead, 6, 6, 3, seed=1)
    assert torch.allclose(fast().triangle_product(a, b), TRUTH.triangle_product(a, b), atol=1e-12)


@pytest.mark.parametrize("budget", BUDGETS)
def test_by_rows_sees_every_row_once(budget):
    x, y = randn(2, 7, 3, 4), randn(2, 7, 3, 1, seed=1)
    with torch.no_grad():
        got = FastKernels(budget=budget).by_rows(lambda a, b: a * b, (x, y))
    assert torch.equal(got, x * y)


def test_gradients_agree():
    def gradient(ops):
        q, k, v, bias = (t.requires_grad_() for t in (*(randn(3, 2, 5, 4, seed=i) for i in range(3)), randn(2, 5, 5)))
        ops.attention(q, k, v, torch.ones(3, 5, dtype=torch.float64), bias).square().sum().backward()
        return [t.grad for t in (q, k, v, bias)]

    for a, b in zip(gradient(TRUTH), gradient(fast()), strict=True):
        assert torch.allclose(a, b, atol=1e-10)
