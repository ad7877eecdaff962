import pytest
import torch

from alphafold_lite.common.errors import InputError
from alphafold_lite.model.alphafold import AlphaFold
from alphafold_lite.training import step as step_module
from alphafold_lite.training.config import StepConfig
from alphafold_lite.training.distributed import World
from alphafold_lite.training.fused import fuse_points
from alphafold_lite.training.loader import MicroBatches
from alphafold_lite.training.losses import compute_losses
from alphafold_lite.training.plan import num_passes
from alphafold_lite.training.step import LOSS, NORM, predict
from alphafold_lite.training.wrapping import build_for_training
from tests.support.training_runs import QUIET, gradients, numbered, open_sets, small_config


@pytest.fixture
def sets(tmp_path):
    return open_sets(tmp_path)


def compute(config, sets, step=0, change=lambda model: None):
    flat, total = gradients(config)
    change(total.model)
    outcome = total.compute(config, step, numbered(MicroBatches(config, sets), config, step))
    assert outcome.problems == ()
    return outcome, flat.gradient.clone()


def direct_gradient(config, sets, step):
    """Gradients of each sample on its own, by torch.autograd.grad."""
    _, total = gradients(config)
    parameters = list(total.model.parameters())
    found = []
    for _, batch in numbered(MicroBatches(config, sets), config, step):
        for place in range(len(batch.names)):
            one = batch.single(place)
            prediction = predict(total.model, one, "fp32")
            losses = compute_losses(
                prediction, one.passes[-1], one.truth, one.targets, config.loss, clamped=one.clamped
            )
            parts = torch.autograd.grad(losses.total.sum(), parameters, allow_unused=True)
            flat = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, parts, strict=True)]
            found.append(torch.cat([g.flatten() for g in flat]))
    return found


def relative(a, b):
    return float((a - b).norm() / b.norm())


def test_each_example_is_clipped_on_its_own(sets):
    config = small_config("step.clip=example", "step.clip_norm=0.05", "step.micro_batch=2", "step.batch_size=4", *QUIET)
    outcome, gradient = compute(config, sets)
    parts = direct_gradient(config, sets, 0)
    assert len(parts) == 4 and all(p.norm() > 0.1 for p in parts)
    expected = sum(p * 0.05 / p.norm() for p in parts) / 4
    assert relative(gradient, expected) < 1e-4
    assert outcome.means[NORM] == pytest.approx(float(sum(p.norm() for p in parts)) / 4, rel=1e-4)


def test_a_step_can_be_clipped_as_a_whole(sets):
    config = small_config("step.clip=step", "step.clip_norm=0.05", "step.micro_batch=2", "step.batch_size=4", *QUIET)
    outcome, gradient = compute(config, sets)
    mean = sum(direct_gradient(config, sets, 0)) / 4
    assert outcome.means[NORM] == pytest.approx(float(mean.norm()), rel=1e-4)
    assert relative(gradient, mean * 0.05 / mean.norm()) < 1e-4


def test_accumulation_is_the_same_as_one_batch(sets):
    alike = ("data.inputs.sampled=0", "data.templates.none=0", "data.templates.max_templates=1")  # one plan for all
    together, apart = (small_config(f"step.micro_batch={n}", "step.batch_size=4", *alike, *QUIET) for n in (4, 1))
    (first, a), (second, b) = compute(together, sets), compute(apart, sets)
    assert first.means == pytest.approx(second.means, rel=1e-4)
    assert relative(a, b) < 1e-4


def test_gradients_flow_through_the_last_pass_only(sets, monkeypatch):
    config = small_config("step.max_recycles=3")
    step = next(s for s in range(50) if num_passes(config, s) == 4)
    calls = []
    forward = AlphaFold.forward
    monkeypatch.setattr(
        AlphaFold,
        "forward",
        lambda self, *args: calls.append((torch.is_grad_enabled(), args[1])) or forward(self, *args),
    )
    compute(config, sets, step)
    assert [enabled for enabled, _ in calls[:4]] == [False, False, False, True]
    assert [previous is None for _, previous in calls[:4]] == [True, False, False, False]
    assert not calls[3][1].pair.requires_grad


def test_checkpointed_blocks_give_the_same_gradient_with_dropout(sets):
    (first, a), (second, b) = (compute(small_config(f"step.checkpoint_blocks={on}"), sets) for on in (True, False))
    assert first.means == second.means
    assert torch.equal(a, b)


def test_fused_triangles_give_the_same_gradient(sets):
    (first, a), (second, b) = (compute(small_config(f"step.fuse_triangles={on}"), sets) for on in (True, False))
    assert first.means == pytest.approx(second.means, rel=1e-5)
    assert relative(a, b) < 1e-4


def test_point_distances_by_product_give_the_same_gradient(sets):
    config = small_config(*QUIET)
    (first, a), (second, b) = compute(config, sets), compute(config, sets, change=fuse_points)
    assert first.means == pytest.approx(second.means, rel=1e-4)
    assert not torch.equal(a, b) and relative(a, b) < 1e-3


def test_triangles_are_compiled_only_while_the_network_trains(monkeypatch):
    called = []

    def compiled(function, *, dynamic):
        assert dynamic is False
        return lambda *args: called.append(True) or function(*args)

    monkeypatch.setattr(torch, "compile", compiled)
    config = small_config("step.fuse_triangles=true", "step.compile_triangles=true")
    model = build_for_training(config.model, config.step, torch.device("cpu"))
    triangle = model.evoformer.blocks[0].triangle_multiplication_outgoing
    z, mask = torch.randn(5, 5, config.model.pair_channels), torch.ones(5, 5)
    seen = triangle(z, mask)
    assert called == [True]
    model.eval()
    assert torch.equal(triangle(z, mask), seen) and called == [True]


def test_compiled_blocks_share_their_code(sets, monkeypatch):
    compile_with, graphs = torch.compile, []

    def backend(graph, inputs):
        graphs.append(len(inputs))
        return graph.forward

    monkeypatch.setattr(torch, "compile", lambda function, *, dynamic: compile_with(function, backend=backend))
    torch._dynamo.reset()
    switches = ("step.compile_blocks=true", "step.fuse_triangles=true", "step.max_recycles=0", "data.inputs.sampled=0")
    config = small_config(
        "model.evoformer.num_blocks=3", "data.templates.none=1", "data.templates.corrupted=0", *switches
    )
    compute(config, sets)
    assert len(graphs) == 1


def test_compiled_triangles_need_fused_ones():
    with pytest.raises(InputError, match="step.fuse_triangles"):
        StepConfig(compile_triangles=True)


def test_bfloat16_changes_little_and_keeps_losses_in_float32(sets):
    (first, a), (second, b) = (compute(small_config(f"step.precision={p}", *QUIET), sets) for p in ("fp32", "bf16"))
    assert second.means[LOSS] == pytest.approx(first.means[LOSS], rel=0.03)
    assert a.dtype == b.dtype == torch.float32
    assert 0 < relative(b, a) < 0.3


def test_trunk_can_be_cut_off_from_the_structure(sets):
    config = small_config("step.end_to_end=false", "loss.distogram=0", "loss.masked_msa=0", "loss.pae=0")
    _, gradient = compute(config, sets)
    flat, _ = gradients(config)
    trunk = [gradient[s.start : s.stop] for s in flat.spans if s.name.startswith(("evoformer", "input_embedder"))]
    structure = [gradient[s.start : s.stop] for s in flat.spans if s.name.startswith("structure_module.ipa.q.")]
    assert not any(part.any() for part in trunk)
    assert all(part.any() for part in structure)


def test_a_loss_that_is_not_finite_names_sample_and_term(sets, monkeypatch):
    config = small_config("step.micro_batch=2", "step.batch_size=4")

    def spoiled(*args, **kwargs):
        losses = compute_losses(*args, **kwargs)
        losses.terms["distogram"][1] = float("nan")
        losses.total[1] = float("nan")
        return losses

    _, total = gradients(config)
    monkeypatch.setattr(step_module, "compute_losses", spoiled)
    batches = numbered(MicroBatches(config, sets), config, 0)
    problems = total.compute(config, 0, batches).problems
    assert problems == tuple(f"{batch.names[1]}: loss distogram" for _, batch in batches)


def test_a_gradient_that_is_not_finite_names_sample_and_parameter(sets):
    config = small_config()
    _, total = gradients(config)
    total.model.evoformer.single.weight.register_hook(lambda grad: grad * float("inf"))
    batches = numbered(MicroBatches(config, sets), config, 0)
    problems = total.compute(config, 0, batches).problems
    assert [p.split(": ")[0] for p in problems] == [batch.names[0] for _, batch in batches]
    assert all("gradient of evoformer.single.weight" in p for p in problems)


def test_dropout_depends_on_step_and_place_only(sets):
    config = small_config()
    first, a = compute(config, sets)
    torch.rand(7)
    second, b = compute(config, sets)
    assert torch.equal(a, b) and first == second


def test_a_lone_process_adds_nothing():
    world = World()
    values = torch.ones(3)
    world.add(values)
    world.wait()
    assert values.tolist() == [1, 1, 1] and world.gather("x") == ["x"] and world.is_first


@pytest.mark.slow
def test_compiled_triangles_give_the_same_gradient(sets):
    (first, a), (second, b) = (
        compute(small_config("step.fuse_triangles=true", f"step.compile_triangles={on}", *QUIET), sets)
        for on in (True, False)
    )
    assert first.means == pytest.approx(second.means, rel=1e-4)
    assert relative(a, b) < 1e-4


@pytest.mark.slow
def test_compiled_blocks_give_the_same_gradient(sets):
    (first, a), (second, b) = (
        compute(small_config(f"step.compile_blocks={on}", "data.inputs.sampled=0", *QUIET), sets)
        for on in (True, False)
    )
    assert first.means == pytest.approx(second.means, rel=1e-4)
    assert relative(a, b) < 1e-4
