"""The first rung of the ladder: one chain is learnt by heart, within seconds to minutes on a CPU."""

import pytest

from alphafold_lite.training import loop, settings
from alphafold_lite.training.config import TrainingConfig
from alphafold_lite.training.distributed import World
from alphafold_lite.training.presets import tiny
from alphafold_lite.training.records import Silent, read_metrics
from alphafold_lite.training.run_folder import Sources, record
from tests.support.packed_sets import write
from tests.support.training_runs import one_chain_arrays


def learn(folder, length: int, *changes: str) -> list[dict]:
    """Train `tiny` on the first residues of a chain and validate on the same; the lines of metrics.jsonl."""
    path = write(folder / "chain.npz", one_chain_arrays(length))
    config: TrainingConfig = settings.override(
        tiny(), (f"data.crop_size={length}", "validation.max_length=999", *changes)
    )
    sources = Sources(data=(str(path),), validation=(str(path),))
    record(folder / "run", config, sources)
    loop.Run(config, sources, folder / "run", World(), display=Silent()).train()
    return read_metrics(folder / "run")


def test_seconds_on_a_short_chain_show_it(tmp_path):
    lines = learn(tmp_path, 32, "run.steps=160", "run.validate_every=160", "optimizer.total_samples=1000")
    losses = [line["loss"] for line in lines if line["kind"] == "step"]
    (scores,) = [line for line in lines if line["kind"] == "validation"]
    assert losses[-1] < 0.3 * losses[0]
    assert scores["rmsd_ca"] < 2.5
    assert scores["lddt_ca"] > 0.6


@pytest.mark.slow
def test_a_chain_is_learnt_within_one_angstrom(tmp_path):
    lines = learn(tmp_path, 74, "run.steps=600", "run.validate_every=600")
    (scores,) = [line for line in lines if line["kind"] == "validation"]
    assert scores["rmsd_ca"] < 1.0
    assert scores["lddt_ca"] > 0.95
