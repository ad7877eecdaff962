"""Workers in this process: what each leaves, and how it fails."""

import json
from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.batch.checks import check_structure
from alphafold_lite.batch.ladder import lightened, rungs
from alphafold_lite.batch.messages import Failure, Job, StageResult
from alphafold_lite.batch.result_file import load_results, save_results
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.batch.stages import FoldWorker, RelaxWorker, SearchWorker
from alphafold_lite.common.errors import InputError, MissingResourceError, TargetError
from alphafold_lite.predict.device import DoesNotFitError
from alphafold_lite.predict.predictor import Predictor
from alphafold_lite.relax import relaxation
from alphafold_lite.relax.result import RelaxMetrics, RelaxResult
from data_pipeline.parsers.fasta import sequence_record
from tests.support.batches import ALONE, UNTRAINED

RECORD = sequence_record("MQIFVKTLTG", name="one")


@pytest.fixture(scope="module")
def folding(tmp_path_factory):
    """A folding worker with an untrained network."""
    settings = BatchSettings(
        fasta="-", out_dir=tmp_path_factory.mktemp("out"), params="random:0", prediction=UNTRAINED, search=ALONE
    )
    return FoldWorker(settings)


@pytest.fixture
def job(folding, tmp_path):
    """A target that has been searched."""
    job = Job(record=RECORD, folder=tmp_path / "one", scratch=tmp_path / "results.npz")
    ready, told = folding.ready(), []
    assert SearchWorker(ready.search, ready.identity).do(job, told.append).failure is None
    assert [message.stage for message in told if isinstance(message, StageResult)] == ["search", "features"]
    return job


def results(told):
    return {message.stage: message for message in told if isinstance(message, StageResult)}


def test_each_stage_tells_its_files_time_and_memory(folding, job):
    told = []
    folding.do(job, told.append)
    fold, write = results(told)["fold"], results(told)["write"]
    assert set(fold.files) >= {"run.json", "unrelaxed_untrained_tiny_pred_0.pdb", "ranking_debug.json"}
    assert set(write.files) == {"ranked_0.pdb", "relax_metrics.json", "timings.json"}
    assert fold.seconds > 0 and fold.peak_bytes > 2**20 and fold.device == "cpu"
    assert 0 < fold.details["mean_plddt"] <= 100 and fold.details["rung"] == "as asked"


def test_memory_that_runs_out_costs_precision_then_rows_and_says_so(folding, job, monkeypatch):
    seen = []

    def check_memory(self, features):
        seen.append((self.placement.precision, self.models[0].sampling.max_clusters))
        if len(seen) < 3:
            raise DoesNotFitError("memory", "none", "free some")

    monkeypatch.setattr(Predictor, "check_memory", check_memory)
    told = []
    ended = folding.do(job, told.append)
    assert ended.rung == 2 and results(told)["fold"].details["rung"] == "MSA of 128 + 256 rows"
    assert [precision for precision, _ in seen] == ["fp32", "bf16", "bf16"] and seen[2][1] <= 128
    noted = json.loads((job.folder / "run.json").read_text())["out_of_memory"]
    assert noted["precision"] == "bf16" and noted["max_clusters"] == 128


def test_memory_that_is_never_enough_is_the_targets_failure(folding, job, monkeypatch):
    def check_memory(self, features):
        raise DoesNotFitError("memory", "none", "free some")

    monkeypatch.setattr(Predictor, "check_memory", check_memory)
    with pytest.raises(DoesNotFitError):
        folding.do(job, lambda message: None)


def test_what_the_user_fixed_is_not_given_up():
    predictor = Predictor("random:0", settings=replace(UNTRAINED, precision="fp32"), search=ALONE)
    ladder = rungs(predictor)
    assert all(rung.precision is None and rung.device is None for rung in ladder) and len(ladder) == 3
    with lightened(predictor, ladder[-1]) as lighter:
        assert lighter.models[0].sampling.max_clusters <= 16
        assert lighter.models[0].network is predictor.models[0].network
    assert predictor.models[0].sampling.max_clusters > 16 or predictor.models[0].sampling.max_extra > 32


def bent(result, positions):
    return replace(result, unrelaxed=result.unrelaxed.with_positions(positions.astype(np.float32)))


def test_numbers_that_are_not_finite_and_collapsed_chains(folding, job):
    folding.do(job, lambda message: None)
    predictor = Predictor("random:0", settings=UNTRAINED, search=ALONE)
    result = predictor.fold("MQIFVKTLTG" * 4)
    line = np.zeros((40, 37, 3)) + np.arange(40)[:, None, None] * np.array([2.2, 2.2, 2.2])  # 3.8 Å a residue
    check_structure(bent(result, line))
    with pytest.raises(TargetError, match="not finite"):
        check_structure(bent(result, line * np.nan))
    check_structure(bent(result, line * 0))  # untrained: not judged
    trained = replace(result, untrained=False)
    check_structure(bent(trained, line))
    with pytest.raises(TargetError, match="neighbouring CA"):
        check_structure(bent(trained, line * 0.1))
    with pytest.raises(TargetError, match="radius of gyration"):
        check_structure(bent(trained, line % 4.4 * 1.0))


def test_results_come_back_as_they_were_and_damage_is_noticed(tmp_path, folding, job):
    predictor = Predictor("random:0", settings=replace(UNTRAINED, num_seeds=2), search=ALONE)
    found = predictor.fold_all("MQIFV:KTLTG")
    save_results(found, tmp_path / "r.npz")
    again = load_results(tmp_path / "r.npz")
    assert [result.unrelaxed_pdb() for result in again] == [result.unrelaxed_pdb() for result in found]
    assert [(result.ptm, result.iptm, result.stem) for result in again] == [
        (result.ptm, result.iptm, result.stem) for result in found
    ]
    assert (again[0].pae == found[0].pae).all()
    content = (tmp_path / "r.npz").read_bytes()
    (tmp_path / "r.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="fold it again"):
        load_results(tmp_path / "r.npz")


@pytest.mark.parametrize("status", ["converged", "failed"])
def test_relaxation_is_a_stage_that_may_fail_without_ending_the_target(folding, job, monkeypatch, status):
    identity = folding.ready().identity
    worker = RelaxWorker(replace(identity, configuration=identity.configuration | {"relax": "best"}))
    monkeypatch.setattr(folding, "_relaxes", True)
    folding.do(job, lambda message: None)
    assert job.scratch.is_file() and not (job.folder / "ranked_0.pdb").exists()

    def relax(protein, *arguments):
        return RelaxResult(protein=protein, status=status, message="as told", metrics=RelaxMetrics())

    monkeypatch.setattr(relaxation, "relax", relax)
    told = []
    assert worker.do(job, told.append).failure is None
    assert results(told)["relax"].error == (None if status == "converged" else "relaxation failed: as told")
    assert (job.folder / "ranked_0.pdb").is_file() and "write" in results(told)


def test_failures_travel_and_come_back():
    error = Failure.of(MissingResourceError("a", "b", "c")).to_error()
    assert isinstance(error, MissingResourceError) and error.action == "c"
    assert Failure.of(MemoryError()).out_of_memory and Failure.of(DoesNotFitError("a", "b", "c")).out_of_memory
    assert not Failure.of(ValueError("x")).out_of_memory and "ValueError: x" in Failure.of(ValueError("x")).message
