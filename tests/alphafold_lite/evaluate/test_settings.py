from pathlib import Path

import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.evaluate.settings import EvaluationSettings
from alphafold_lite.predict.settings import Settings


def test_a_search_does_not_offer_the_answer():
    with pytest.raises(InputError, match="--inputs search"):
        EvaluationSettings(dataset=Path("x.npz"), inputs="search", templates="self")


def test_what_is_left_out_is_left_out_of_something():
    with pytest.raises(InputError, match="--leave-out"):
        EvaluationSettings(dataset=Path("x.npz"), leave_out="self")
    for option in ({"templates": "library"}, {"baseline": "template-copy"}):
        assert EvaluationSettings(dataset=Path("x.npz"), leave_out="self", **option).uses_library


@pytest.mark.parametrize(
    "option", [{"limit": 0}, {"num_relaxed": -1}, {"prediction": Settings(models=("model_1", "model_2"))}]
)
def test_values_out_of_range_are_refused(option):
    with pytest.raises(InputError):
        EvaluationSettings(dataset=Path("x.npz"), **option)


def test_importing_the_settings_does_not_import_torch():
    import subprocess
    import sys

    code = "import sys, alphafold_lite.evaluate.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
