from pathlib import Path

import pytest

from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.common.errors import InputError
from alphafold_lite.distill.settings import DistillSettings, Rules
from alphafold_lite.predict.settings import Settings

BATCH = BatchSettings(fasta="in.fa", out_dir=Path("out"))


@pytest.mark.parametrize(
    "changes, word",
    [
        ({"measure": "ptm"}, "--confidence"),
        ({"threshold": 0.0}, "--threshold"),
        ({"threshold": -1.0}, "--threshold"),
        ({"threshold": float("nan")}, "--threshold"),
        ({"threshold": float("inf")}, "--threshold"),
        ({"measure": "plddt", "threshold": 100.0}, "--threshold"),
        ({"min_confident_share": 1.5}, "--min-confident-share"),
        ({"min_confident_share": -0.1}, "--min-confident-share"),
        ({"min_length": 0}, "--min-length"),
        ({"min_length": 9, "max_length": 8}, "--max-length"),
        ({"min_depth": 0}, "--min-depth"),
    ],
)
def test_rules_out_of_range(changes, word):
    with pytest.raises(InputError, match=word):
        Rules(**changes)


@pytest.mark.parametrize("changes", [{"models": ("model_1", "model_2")}, {"num_seeds": 2}])
def test_one_prediction_of_each_sequence(changes):
    prediction = Settings(**changes)
    with pytest.raises(InputError, match="one model"):
        DistillSettings(batch=BatchSettings(fasta="in.fa", out_dir=Path("out"), prediction=prediction))


def test_predictions_have_a_folder_of_their_own_and_are_not_relaxed():
    predicting = DistillSettings(batch=BATCH).predicting
    assert predicting.out_dir == Path("out/predictions") and predicting.fasta == "out/selected.fasta"
    assert predicting.prediction.relax == "none" and predicting.prediction.distogram_band == 128


def test_plddt_needs_no_distograms():
    assert DistillSettings(batch=BATCH, rules=Rules(measure="plddt")).predicting.prediction.distogram_band == 0


def test_distograms_are_kept_on_this_machine_only():
    with pytest.raises(InputError, match="--engine local"):
        BatchSettings(fasta="in.fa", out_dir=Path("out"), engine="ray", prediction=Settings(distogram_band=128))
