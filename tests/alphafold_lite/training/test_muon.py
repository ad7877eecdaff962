import pytest
import torch

from alphafold_lite.common.errors import InputError
from alphafold_lite.training.config import OptimizerConfig
from alphafold_lite.training.flat import FlatParameters
from alphafold_lite.training.muon import Muon, orthogonal
from alphafold_lite.training.optimizer import Adam
from alphafold_lite.training.wrapping import build_for_training
from tests.support.training_runs import small_config

CONFIG = OptimizerConfig(method="muon", beta2=0.99)


def flat_of(**sizes):
    """A network of parameters by these names, `_` for a dot."""
    tree = torch.nn.Module()
    for name, size in sizes.items():
        part, leaf = name.rsplit("_", 1)
        if part not in dict(tree.named_children()):
            tree.add_module(part, torch.nn.Module())
        tree.get_submodule(part).register_parameter(leaf, torch.nn.Parameter(torch.randn(size)))
    return FlatParameters(tree)


def test_a_matrix_keeps_its_singular_vectors_and_loses_their_sizes():
    torch.manual_seed(0)
    u, _ = torch.linalg.qr(torch.randn(3, 20, 20))
    v, _ = torch.linalg.qr(torch.randn(3, 50, 20))
    sizes = torch.linspace(0.2, 5, 20)
    found = u.mT @ orthogonal(u @ (sizes[:, None] * v.mT)) @ v
    diagonal = found.diagonal(dim1=-2, dim2=-1)
    assert torch.all((diagonal > 0.65) & (diagonal < 1.25))
    assert torch.allclose(found, torch.diag_embed(diagonal), atol=1e-4)
    assert torch.equal(orthogonal(torch.zeros(1, 2, 3)), torch.zeros(1, 2, 3))


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch.optim.Muon came with PyTorch 2.9")
def test_matrices_move_as_with_pytorch():
    torch.manual_seed(0)
    flat = flat_of(trunk_weight=(24, 40), other_weight=(40, 24), square_weight=(16, 16))
    theirs = [torch.nn.Parameter(s.of(flat.values).clone()) for s in flat.spans]
    muon, before = Muon(flat, CONFIG), flat.values.clone()
    reference = torch.optim.Muon(theirs, lr=0.1, weight_decay=0.0, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    for step in range(8):
        gradient = torch.randn(flat.values.shape, generator=torch.Generator().manual_seed(step))
        muon.update(gradient, 0.1 / (1 + step))
        reference.param_groups[0]["lr"] = 0.1 / (1 + step)
        for parameter, s in zip(theirs, flat.spans, strict=True):
            parameter.grad = s.of(gradient).clone()
        reference.step()
    moved = flat.values - before
    expected = torch.cat([parameter.detach().flatten() for parameter in theirs]) - before
    assert (moved - expected).norm() < 0.03 * expected.norm()  # theirs iterates in bfloat16
    assert moved.norm() > 1


def test_all_else_moves_as_with_adam():
    torch.manual_seed(0)
    flat = flat_of(trunk_weight=(6, 6), trunk_bias=(6,), heads_weight=(4, 6), row_weight=(1, 6), adapter_down=(2, 6))
    adam = Adam(flat.values.clone(), CONFIG)
    muon = Muon(flat, CONFIG)
    inside = next(span for span in flat.spans if span.name == "trunk.weight")
    for step in range(5):
        gradient = torch.randn(flat.values.shape, generator=torch.Generator().manual_seed(step))
        muon.update(gradient, 0.01)
        adam.update(gradient, 0.01)
    same = torch.isclose(flat.values, adam.values)
    assert not same[inside.start : inside.stop].any()
    same[inside.start : inside.stop] = True
    # the name decides: only what ends in `.weight` and lies outside the heads is a matrix of the inside
    assert same[~muon.inside].all() and int(muon.inside.sum()) == 36
    assert muon.steps == 5


def test_which_parameters_of_the_network_are_inside():
    config = small_config()
    muon = Muon(FlatParameters(build_for_training(config.model, config.step, torch.device("cpu"))), CONFIG)
    names = {span.name for spans in muon.matrices.values() for span in spans}
    assert "evoformer.blocks.0.row_attention.attention.q.weight" in names
    assert "structure_module.ipa.kv_points.weight" in names
    assert not {name for name in names if name.startswith(("heads.", "input_embedder."))}
    assert "structure_module.backbone.update.weight" not in names
    assert all(sorted(span.shape) == list(size) for size, spans in muon.matrices.items() for span in spans)


def test_momentum_is_checked():
    with pytest.raises(InputError, match=r"optimizer.momentum from 0 to below 1"):
        OptimizerConfig(momentum=1.0)
