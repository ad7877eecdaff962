"""What may be imported where: checked in fresh interpreters."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

WITHOUT_RELAX = """
import importlib, pkgutil, sys

from importlib.machinery import PathFinder

class Bare(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        absent = name.partition(".")[0] in ("openmm", "simtk", "pdbfixer", "triton", "matplotlib", "tensorboard", "ray")
        return None if absent else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Bare
import alphafold_lite, data_pipeline
count = 0
for package in (alphafold_lite, data_pipeline):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name not in ("alphafold_lite.relax.amber", "alphafold_lite.relax.gentle"):  # the importers of OpenMM
            importlib.import_module(module.name)
            count += 1
from alphafold_lite.relax.relaxation import available
print(count, available())
"""


def run(code):
    environment = {"PATH": "", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_after(statement):
    return set(run(f"import sys; {statement}; print(*sys.modules)").split())


def test_the_package_alone_leaves_torch_out():
    loaded = loaded_after("import alphafold_lite; alphafold_lite.__version__")
    assert "alphafold_lite" in loaded
    assert not loaded & {"torch", "numpy", "openmm", "Bio"}


def test_command_line_and_features_leave_torch_out():
    loaded = loaded_after("import alphafold_lite.cli.main, data_pipeline.pipeline, alphafold_lite.relax.relaxation")
    assert "alphafold_lite.cli.predict" in loaded
    assert not loaded & {"torch", "openmm", "pdbfixer"}


def test_everything_imports_on_a_bare_cpu_without_openmm():
    count, _, reason = run(WITHOUT_RELAX).strip().partition(" ")
    assert int(count) > 50
    assert "alphafold-lite[relax]" in reason


def test_lazy_names():
    import alphafold_lite

    assert {"fold", "Predictor", "__version__"} <= set(dir(alphafold_lite))
    assert callable(alphafold_lite.fold)
    assert not hasattr(alphafold_lite, "train")
