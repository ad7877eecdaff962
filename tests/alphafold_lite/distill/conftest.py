import pytest
import torch

from alphafold_lite.kernels.reference import reference
from alphafold_lite.presets import tiny
from alphafold_lite.weights.checkpoint import Checkpoint, save_checkpoint
from alphafold_lite.weights.convert import allocate, load_official, official_layout
from alphafold_lite.weights.random_parameters import random_parameters
from tests.support.batches import Batches


@pytest.fixture
def batches(tmp_path):
    return Batches(tmp_path)


@pytest.fixture(scope="session")
def params(tmp_path_factory):
    """An untrained network that is not sure of any distance."""
    config, path = tiny(), tmp_path_factory.mktemp("params") / "noise.safetensors"
    model = allocate(config, reference())
    load_official(model, random_parameters(official_layout(config), 0))
    with torch.no_grad():
        model.heads.distogram.logits.weight.mul_(0.01)  # its pair representation has values of hundreds
    save_checkpoint(path, model, Checkpoint(config=config, name="noise", license="none", untrained=True))
    return str(path)
