from dataclasses import fields, replace

import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.training.losses.config import TERMS, LossConfig, finetuning, initial_training
from alphafold_lite.training.losses.total import COMPUTE


def test_weights_of_the_supplement():
    first = {
        "backbone_fape": 0.5, "sidechain_fape": 0.5, "torsion": 0.5, "angle_norm": 0.01, "distogram": 0.3,
        "masked_msa": 2.0, "plddt": 0.01, "resolved": 0.0, "violation": 0.0, "pae": 0.0, "smooth_lddt": 0.0, "rotamer": 0.0,
        "near_distance": 0.0, "backbone_angles": 0.0,
    }  # fmt: skip
    assert initial_training().weights() == first
    assert finetuning(initial_training()).weights() == first | {"resolved": 0.01, "violation": 1.0}
    assert finetuning(initial_training(), pae=True).weights() == first | {
        "resolved": 0.01,
        "violation": 1.0,
        "pae": 0.1,
    }


def test_finetuning_keeps_the_rest():
    config = replace(initial_training(), distogram=0.7, scale_by_length=False)
    tuned = finetuning(config)
    assert tuned.distogram == 0.7 and not tuned.scale_by_length


def test_every_term_has_a_weight_and_a_function():
    assert set(COMPUTE) == set(TERMS) <= {f.name for f in fields(LossConfig)}


@pytest.mark.parametrize("weight", [-0.1, float("nan"), float("inf")])
def test_weights_that_mean_nothing(weight):
    with pytest.raises(InputError, match="plddt"):
        LossConfig(plddt=weight)
