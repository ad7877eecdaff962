import pytest
import torch

from alphafold_lite.common.errors import InputError
from alphafold_lite.training import packing_alone
from alphafold_lite.training.loader import MicroBatches
from alphafold_lite.training.loop import build_state
from alphafold_lite.training.schedule import learning_rate
from tests.support.training_runs import QUIET, gradients, numbered, open_sets, small_config

PACKING = '{"channels": 8, "num_layers": 2, "neighbours": 4, "least_plddt": 70.0, "dropout": 0.0, "noise": 0.0}'
ALONE = (
    "step.packing_alone=true", f"model.packing={PACKING}", "loss.rotamer=2.0", "step.batch_size=4", "step.micro_batch=4",
    "data.shares=(0.0, 1.0)", *QUIET,
)  # fmt: skip


@pytest.fixture
def sets(tmp_path):
    return open_sets(tmp_path)


def first(config, sets):
    ((_, batch),) = numbered(MicroBatches(config, sets), config, 0)
    return batch


def test_only_the_packer_gets_a_gradient_and_nothing_else_is_asked_of_it(sets):
    config = small_config(*ALONE)
    _, total = gradients(config)
    outcome = total.compute(config, 0, numbered(MicroBatches(config, sets), config, 0))
    assert outcome.problems == () and set(outcome.means) == {
        "loss", "torsion", "rotamer", "angle_norm", "gradient_norm",
    }  # fmt: skip
    weights = config.loss.weights()
    parts = sum(weights[name] * outcome.means[name] for name in ("torsion", "rotamer", "angle_norm"))
    assert outcome.means["loss"] == pytest.approx(parts) and outcome.means["torsion"] > 0
    taught = {name for name, p in total.model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert taught == {name for name, _ in total.model.named_parameters() if name.startswith("packer.")}


def test_the_rest_can_be_frozen(sets):
    config = small_config(*ALONE, "adaptation.freeze=folding")
    _, state = build_state(config, None, torch.device("cpu"))
    assert state.flat.spans and all(span.name.startswith("packer.") for span in state.flat.spans)


def test_it_learns(sets):
    config = small_config(
        *ALONE, "optimizer.learning_rate=0.01", "optimizer.warmup_samples=4", "optimizer.schedule=steps"
    )
    model, state = build_state(config, None, torch.device("cpu"))
    batch, losses = first(config, sets), []
    for step in range(60):
        state.flat.zero_gradient()
        found = packing_alone.losses(packing_alone.pack_truth(model, batch.targets), batch.targets, config.loss)
        found.total.sum().backward()
        state.optimizer.update(state.flat.gradient, learning_rate(config, step))
        losses.append(float(found.terms["rotamer"].detach().mean()))
    assert losses[-1] < 0.5 * losses[0]


def test_atoms_are_built_on_the_true_backbone(sets):
    config = small_config(*ALONE)
    model, _ = build_state(config, None, torch.device("cpu"))
    targets = first(config, sets).targets
    packed = packing_alone.pack_truth(model, targets)
    known = targets.backbone_mask > 0
    torch.testing.assert_close(packed.atom14[known][:, 1], targets.atom14_positions[known][:, 1])  # CA


def test_a_network_without_a_packer(sets):
    config = small_config(*ALONE, "model.packing=None")
    model, _ = build_state(config, None, torch.device("cpu"))
    with pytest.raises(InputError, match="step.packing_alone"):
        packing_alone.pack_truth(model, first(config, sets).targets)
