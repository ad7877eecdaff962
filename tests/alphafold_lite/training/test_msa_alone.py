from dataclasses import replace

import pytest
import torch

from alphafold_lite.common.errors import InputError
from alphafold_lite.model.embedders import start
from alphafold_lite.training import msa_alone
from alphafold_lite.training.loader import MicroBatches
from alphafold_lite.training.loop import build_state
from tests.support.training_runs import QUIET, gradients, learn, numbered, open_sets, small_config, taught

ALONE = (
    "step.msa_alone=true", "model.heads.backbone_angle_bins=4", "loss.backbone_angles=0.5", "step.batch_size=4",
    "step.micro_batch=4", "data.templates.none=0", "data.templates.max_templates=1", *QUIET,
)  # fmt: skip


@pytest.fixture
def sets(tmp_path):
    return open_sets(tmp_path)


def _randomised(model):
    """No update of the trunk is zero, as they are at the start."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith(("evoformer", "heads.backbone_angles")):
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))


def _batches(config, sets):
    """One micro-batch, with random backbone angles: the residues of the sets are no neighbours, so that they have none."""
    ((number, batch),) = numbered(MicroBatches(config, sets), config, 0)
    turn = 6 * torch.rand(batch.targets.torsions.shape[:-1], generator=torch.Generator().manual_seed(1))
    known = torch.ones_like(batch.targets.torsions_mask)
    torsions = torch.stack((turn.sin(), turn.cos()), dim=-1)
    return [(number, replace(batch, targets=replace(batch.targets, torsions=torsions, torsions_mask=known)))]


def _first(config, sets):
    return _batches(config, sets)[0][1]


def test_a_crop_with_its_own_pairs_is_what_the_whole_trunk_makes_of_it(sets):
    config = small_config(*ALONE)
    model, _ = build_state(config, None, torch.device("cpu"))
    _randomised(model)
    batch = _first(config, sets).single(0).passes[-1]
    assert batch.templates is not None
    bare = replace(batch, templates=None)
    single = model.trunk(bare, start(bare, model.config, torch.float32)).single
    want = model.heads.backbone_angles(single)
    assert want.abs().max() > 0.1
    torch.testing.assert_close(msa_alone.backbone_angles(model, batch), want, rtol=1e-5, atol=1e-5)


def test_only_the_msa_track_gets_a_gradient_and_nothing_else_is_asked_of_it(sets):
    config = small_config(*ALONE)
    _, total = gradients(config)
    _randomised(total.model)
    outcome = total.compute(config, 0, _batches(config, sets))
    assert outcome.problems == () and outcome.means["backbone_angles"] * 0.5 == pytest.approx(outcome.means["loss"])
    assert set(outcome.means) == {"loss", "backbone_angles", "gradient_norm"}
    names = taught(total)
    tracks = ("row_attention", "column_attention", "msa_transition")
    assert all(any(f".{track}." in name for name in names) for track in tracks)
    assert {"evoformer.single.weight", "heads.backbone_angles.logits.weight", "input_embedder.msa.weight"} <= names
    for name in names:
        inside = name.startswith("evoformer.blocks") and any(f".{track}." in name for track in tracks)
        assert inside or name.startswith(
            (
                "evoformer.single", "heads.backbone_angles", "input_embedder.msa", "input_embedder.target_m",
                "recycling_embedder.norm_m",
            )
        ), name  # fmt: skip


def test_it_learns(sets):
    config = small_config(*ALONE)
    losses = learn(config, _first(config, sets), "backbone_angles")
    assert losses[-1] < 0.7 * losses[0]


def test_a_network_without_the_head(sets):
    config = small_config(*ALONE, "model.heads.backbone_angle_bins=0")
    model, _ = build_state(config, None, torch.device("cpu"))
    with pytest.raises(InputError, match="model.heads.backbone_angle_bins"):
        msa_alone.backbone_angles(model, _first(config, sets).passes[-1])
