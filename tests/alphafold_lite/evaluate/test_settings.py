from pathlib import Path

import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.evaluate.settings import EvaluationSettings
from alphafold_lite.predict.settings import Settings


@pytest.mark.parametrize(
    "option",
    [{"inputs": "search"}, {"templates": "library"}, {"baseline": "template-copy"}, {"leave_out": "validation"}],
)
def test_options_of_the_library_say_that_it_is_not_here(option):
    with pytest.raises(InputError, match="embedded library .* a version without it"):
        EvaluationSettings(dataset=Path("x.npz"), **option)


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
