import pytest
import torch

from alphafold_lite.common.errors import InputError
from alphafold_lite.kernels.reference import reference
from alphafold_lite.presets import monomer_ptm
from alphafold_lite.training import lora, parameters
from alphafold_lite.training.config import AdaptationConfig
from alphafold_lite.training.distributed import World
from alphafold_lite.training.flat import FlatParameters
from alphafold_lite.training.loader import MicroBatches
from alphafold_lite.training.loop import build_state
from alphafold_lite.training.step import GradientSum, predict
from alphafold_lite.training.wrapping import build_for_training
from alphafold_lite.weights.checkpoint import load_checkpoint, read_header
from alphafold_lite.weights.convert import on_meta
from tests.support.training_runs import QUIET, numbered, open_sets, small_config

ADAPTERS = (".parametrizations.weight.0.up", ".parametrizations.weight.0.down")


@pytest.fixture
def sets(tmp_path):
    return open_sets(tmp_path)


def adapted(rank=2, freeze="None", *changes):
    config = small_config(f"adaptation.lora_rank={rank}", f"adaptation.freeze={freeze}", *changes)
    return config, *build_state(config, None, torch.device("cpu"))


def first_batch(config, sets):
    return numbered(MicroBatches(config, sets), config, 0)


def shaken(state):
    """Adapters as they are after some training: none of them is zero."""
    with torch.no_grad():
        state.flat.values.add_(0.1 * torch.randn(state.flat.values.shape, generator=torch.Generator().manual_seed(1)))


def test_only_adapters_learn_and_nothing_changes_before_the_first_step(sets):
    config, model, state = adapted()
    names = [span.name for span in state.flat.spans]
    assert names and all(name.endswith(ADAPTERS) for name in names)
    torch.manual_seed(0)
    plain, _ = build_state(small_config(), None, torch.device("cpu"))
    _, batch = first_batch(config, sets)[0]
    with torch.no_grad():
        a, b = (predict(network.eval(), batch, "fp32").atom14_positions for network in (model, plain))
    assert torch.equal(a, b)


def test_gradients_reach_adapters_and_nothing_else(sets):
    config, model, state = adapted()
    shaken(state)
    sums = GradientSum(model, state.flat, World())
    assert sums.compute(config, 0, first_batch(config, sets)).problems == ()
    silent = ("template_embedder", "column_attention")  # without templates, and with one row, nothing depends on them
    for span in state.flat.spans:
        if not any(name in span.name for name in silent):
            assert state.flat.gradient[span.start : span.stop].abs().max() > 0, span.name
    frozen = [p for name, p in model.named_parameters() if not name.endswith(ADAPTERS)]
    assert frozen and all(p.grad is None for p in frozen)


@pytest.mark.parametrize("fused", ["false", "true"])
def test_the_merged_file_gives_what_the_adapters_give(sets, tmp_path, fused):
    config, model, state = adapted(3, "None", f"step.fuse_triangles={fused}")
    shaken(state)
    state.ema.update(state.flat.values, 1.0)
    parameters.export_average(tmp_path / "merged.safetensors", model, state, config, step=1)
    assert read_header(tmp_path / "merged.safetensors").config == config.model
    merged = load_checkpoint(tmp_path / "merged.safetensors", reference())
    assert not any("parametrizations" in name for name, _ in merged.named_parameters())
    plain, _ = build_state(config_without_adapters(), None, torch.device("cpu"))
    _, batch = first_batch(config, sets)[0]
    with torch.no_grad():
        ours, theirs, before = (predict(m.eval(), batch, "fp32").atom14_positions for m in (model, merged, plain))
    torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-4)
    assert (ours - before).abs().max() > 0.1  # the adapters do something


def config_without_adapters():
    return small_config()


@pytest.mark.parametrize(
    "freeze, moved, still",
    [("trunk", {"structure_module", "heads"}, "evoformer"), ("structure", {"evoformer", "heads"}, "structure_module")],
)
def test_frozen_parts_are_left_out_of_the_vector(sets, freeze, moved, still):
    config, model, state = adapted(0, freeze)
    parts = {span.name.partition(".")[0] for span in state.flat.spans}
    assert moved <= parts and still not in parts
    before = {name: p.detach().clone() for name, p in model.named_parameters() if name.startswith(still)}
    sums = GradientSum(model, state.flat, World())
    assert sums.compute(config, 0, first_batch(config, sets)).problems == ()
    assert state.flat.gradient.abs().max() > 0
    state.optimizer.update(state.flat.gradient, 0.1)
    assert all(torch.equal(dict(model.named_parameters())[name], value) for name, value in before.items())


def test_with_a_frozen_backbone_only_side_chains_learn(sets):
    config, model, state = adapted(0, "backbone", *QUIET)
    assert state.flat.spans and all(s.name.startswith("structure_module.sidechains.") for s in state.flat.spans)
    _, batch = next(iter(first_batch(config, sets)))

    def structure():
        with torch.no_grad():
            return predict(model, batch, "fp32")

    before = structure()
    sums = GradientSum(model, state.flat, World())
    assert sums.compute(config, 0, first_batch(config, sets)).problems == ()
    state.optimizer.update(state.flat.gradient, 0.1)
    after = structure()
    assert torch.equal(after.structure.frames[-1].translation, before.structure.frames[-1].translation)
    assert torch.equal(after.logits.plddt, before.logits.plddt)
    assert not torch.allclose(after.structure.sidechains[-1].angles, before.structure.sidechains[-1].angles)


def test_adapters_of_a_frozen_part_are_not_made():
    _, _, state = adapted(2, "trunk")
    assert {span.name.partition(".")[0] for span in state.flat.spans} == {"structure_module"}


def test_seeds_decide_the_adapters():
    first, again, other = (adapted(2, "None", f"run.seed={seed}")[2].flat.values for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_mistakes_are_named():
    with pytest.raises(InputError, match="lora_parts"):
        adapted(2, "None", 'adaptation.lora_parts=["trunk"]')
    with pytest.raises(InputError, match="lora_rank of 0 or more"):
        AdaptationConfig(lora_rank=-1)
    with pytest.raises(InputError, match="none"):
        adapted(2, "structure", 'adaptation.lora_parts=["structure_module"]')


def test_adapters_of_the_official_network_are_a_small_part_of_it():
    model = on_meta(monomer_ptm(1))
    total = sum(p.numel() for p in model.parameters())
    lora.adapt(model, AdaptationConfig(lora_rank=4), seed=0)
    learning = [p for p in model.parameters() if p.requires_grad]
    assert total > 90e6 and 0 < sum(p.numel() for p in learning) < 0.05 * total


def test_a_network_without_adapters_is_its_own_merged_form():
    config = small_config()
    model = build_for_training(config.model, config.step, torch.device("cpu"))
    assert lora.merged(model) is model
    assert len(FlatParameters(model).spans) == len(list(model.parameters()))
