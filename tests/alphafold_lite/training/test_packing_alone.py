from dataclasses import replace

import pytest
import torch

from alphafold_lite.common.errors import InputError
from alphafold_lite.training import packing_alone
from alphafold_lite.training.loader import MicroBatches
from alphafold_lite.training.loop import build_state
from tests.support.training_runs import PACKING, QUIET, gradients, learn, numbered, open_sets, small_config, taught

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
    packer = {name for name, _ in total.model.named_parameters() if name.startswith("packer.")}
    assert taught(total) == packer - {"packer.hidden_types.weight", "packer.hidden_types.bias"}


def test_the_rest_can_be_frozen(sets):
    config = small_config(*ALONE, "adaptation.freeze=folding")
    _, state = build_state(config, None, torch.device("cpu"))
    assert state.flat.spans and all(span.name.startswith("packer.") for span in state.flat.spans)


def test_it_learns(sets):
    config = small_config(*ALONE)
    losses = learn(config, first(config, sets), "rotamer")
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


TYPES = ("step.types_alone=true", f"model.packing={PACKING}", "step.batch_size=4", "step.micro_batch=4", *QUIET)


def test_hidden_types_teach_the_packer_and_nothing_else(sets):
    """Backbones alone are enough: every other sample of these has no side chains."""
    config = small_config(*TYPES)
    _, total = gradients(config)
    outcome = total.compute(config, 0, numbered(MicroBatches(config, sets), config, 0))
    assert outcome.problems == () and set(outcome.means) == {"loss", "masked_msa", "gradient_norm"}
    assert outcome.means["loss"] == pytest.approx(config.loss.masked_msa * outcome.means["masked_msa"])
    packer = {name for name, _ in total.model.named_parameters() if name.startswith("packer.")}
    assert taught(total) == packer - {"packer.angles.weight", "packer.angles.bias"}


def test_what_is_hidden_is_not_seen(sets):
    config = small_config(*TYPES)
    model, _ = build_state(config, None, torch.device("cpu"))
    targets = first(config, sets).targets
    torch.manual_seed(0)
    logits, hidden = packing_alone.recover_types(model, targets)
    hidden_there = hidden > 0
    other = replace(targets, aatype=torch.where(hidden_there, (targets.aatype + 1) % 20, targets.aatype))
    torch.manual_seed(0)
    again, hidden_again = packing_alone.recover_types(model, other)
    torch.testing.assert_close(hidden_again, hidden)
    torch.testing.assert_close(again, logits)
    shares = hidden.sum(-1) / targets.atom14_mask[..., :4].prod(-1).sum(-1)
    assert 0.05 < shares.min() < shares.max() <= 1 and len(set(shares.tolist())) == len(shares)


def test_types_are_learnt(sets):
    config = small_config(*TYPES)
    losses = learn(config, first(config, sets), "masked_msa")
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


def test_one_part_alone_at_a_time():
    with pytest.raises(InputError, match="step.packing_alone and step.types_alone"):
        small_config("step.packing_alone=true", "step.types_alone=true")
