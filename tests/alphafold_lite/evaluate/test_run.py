import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError, MissingResourceError
from alphafold_lite.evaluate.plots import confidence_png
from alphafold_lite.evaluate.report import report_json
from alphafold_lite.evaluate.run import Evaluation, chosen
from alphafold_lite.evaluate.settings import EvaluationSettings
from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.alphafold import build
from alphafold_lite.predict.predictor import Predictor
from alphafold_lite.predict.settings import Settings
from alphafold_lite.presets import tiny
from alphafold_lite.relax import relaxation
from alphafold_lite.training.chains import ChainSet
from alphafold_lite.weights.checkpoint import Checkpoint, save_checkpoint
from tests.support.packed_sets import allatom_arrays, backbone_arrays, write

FAST = Settings(num_recycles=0, device="cpu", precision="fp32", relax="none")


def settings(dataset, **more):
    return EvaluationSettings(dataset=dataset, **({"params": "random:0", "prediction": FAST} | more))


@pytest.fixture
def backbone(tmp_path):
    return write(tmp_path / "backbone.npz", backbone_arrays())


@pytest.fixture
def allatom(tmp_path):
    return write(tmp_path / "allatom.npz", allatom_arrays())


def test_every_chain_is_reported_in_order(backbone):
    evaluation = Evaluation(settings(backbone))
    reports = list(evaluation.run())
    assert [report.scores.id for report in reports] == ["1AAA_A", "2BBB_B", "3CCC_C"]
    assert evaluation.reports == reports
    assert evaluation.source == "profile"
    assert all(0 < report.scores.lddt_ca < 1 for report in reports)


def test_the_json(backbone):
    evaluation = Evaluation(settings(backbone, limit=2))
    list(evaluation.run())
    content = json.loads(report_json(evaluation))
    assert content["complete"] and content["untrained"] and "UNTRAINED" in content["note"]
    assert {"mean", "median", "low", "high", "n"} <= set(content["summary"]["lddt_ca"])
    assert content["summary"]["tm"]["n"] == len(content["chains"]) == 2
    for chain in content["chains"]:
        assert 0 <= chain["tm"] <= 1 and 0 <= chain["gdt_ts"] <= 1 and 0 <= chain["plddt"] <= 1
    assert content["run"]["inputs"] == "profile" and content["run"]["model"] == "untrained_tiny"
    assert len(content["calibration"]) == 10
    assert "relaxed" not in content


def test_an_unfinished_evaluation_says_so(backbone):
    evaluation = Evaluation(settings(backbone))
    next(evaluation.run())
    content = json.loads(report_json(evaluation))
    assert not content["complete"]
    assert len(content["chains"]) == 1
    assert content["summary"]["lddt_ca"]["low"] is None  # one cluster has no interval


def test_single_sequence_equals_predict(backbone):
    evaluation = Evaluation(settings(backbone, inputs="single"))
    chain = evaluation.chains[0]
    ours = evaluation.predict(chain)
    theirs = Predictor("random:0", settings=FAST).fold(chain.sequence)
    np.testing.assert_array_equal(ours.unrelaxed.atom_positions, theirs.unrelaxed.atom_positions)
    np.testing.assert_array_equal(ours.plddt, theirs.plddt)


def test_profile_and_template_reach_the_network(allatom, backbone):
    single = Evaluation(settings(backbone, inputs="single"))
    profile = Evaluation(settings(backbone, inputs="profile"))
    chain = single.chains[0]
    assert np.abs(single.predict(chain).plddt - profile.predict(chain).plddt).max() > 1e-5
    template = Evaluation(settings(backbone, inputs="single", templates="self"))
    assert np.abs(single.predict(chain).plddt - template.predict(chain).plddt).max() > 1e-5
    assert json.loads(report_json(template))["run"]["templates"] == "self"


def test_templates_for_a_model_that_reads_none_are_refused(backbone, tmp_path):
    config = replace(tiny(), template=None)
    about = Checkpoint(name="bare", config=config, license="none", untrained=True)
    save_checkpoint(tmp_path / "bare.safetensors", build(config, reference()), about)
    with pytest.raises(InputError, match="reads templates"):
        Evaluation(settings(backbone, params=str(tmp_path / "bare.safetensors"), templates="self"))


def test_a_limit_draws_chains_with_the_seed(backbone):
    chains = ChainSet.open(backbone)
    some = {
        (limit, seed): chosen(chains, settings(backbone, limit=limit, prediction=Settings(seed=seed))).ids
        for limit in (1, 2, 3, 9)
        for seed in range(6)
    }
    assert len({some[1, seed] for seed in range(6)}) > 1
    assert all(set(some[1, seed]) < set(some[2, seed]) < set(some[3, seed]) for seed in range(6))
    assert some[3, 0] == some[9, 0] == chains.ids
    assert all(list(ids) == sorted(ids) for ids in some.values())


def test_a_chain_that_does_not_fit_is_left_out(backbone, monkeypatch):
    evaluation = Evaluation(settings(backbone))
    free = {24: 0.0, 20: 1e12, 22: 1e12}
    length = []
    monkeypatch.setattr("alphafold_lite.predict.device.free_bytes", lambda device: free[length[-1]])
    check = evaluation.predictor.check_memory
    monkeypatch.setattr(evaluation.predictor, "check_memory", lambda f: (length.append(len(f.sequence)), check(f)))
    assert [report.scores.id for report in evaluation.run()] == ["2BBB_B", "3CCC_C"]
    content = json.loads(report_json(evaluation))
    assert content["complete"] and list(content["failed"]) == ["1AAA_A"]


def test_coordinates_that_are_not_finite_are_a_failure(backbone):
    evaluation = Evaluation(settings(backbone))
    for parameter in evaluation.model.network.structure_module.parameters():
        parameter.data.fill_(float("nan"))
    assert list(evaluation.run()) == []
    assert "not finite" in evaluation.failures["1AAA_A"]


def test_relaxed_chains_are_scored_before_and_after(allatom):
    evaluation = Evaluation(settings(allatom, num_relaxed=1, limit=2))
    first, second = evaluation.run()
    assert first.relaxed is not None and second.relaxed is None
    content = json.loads(report_json(evaluation))
    assert content["relaxed"]["before"]["lddt_ca"]["n"] == content["relaxed"]["after"]["lddt_ca"]["n"] == 1
    assert sum(content["relaxed"]["statuses"].values()) == 1
    assert content["chains"][0]["relaxed"]["status"] == first.relaxed.result.status
    assert "relaxed" not in content["chains"][1]


def test_relaxation_that_is_not_installed_is_a_missing_resource(allatom, monkeypatch):
    monkeypatch.setattr(relaxation, "available", lambda: "pip install it")
    with pytest.raises(MissingResourceError, match="pip install it"):
        Evaluation(settings(allatom, num_relaxed=1))


def test_a_plot_of_any_number_of_chains(backbone):
    evaluation = Evaluation(settings(backbone))
    scores = [report.scores for report in evaluation.run()]
    for number in (1, 3):
        assert confidence_png(scores[:number], title="test").startswith(b"\x89PNG")


def test_matplotlib_that_is_not_installed_is_a_missing_resource(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingResourceError, match="report"):
        confidence_png([], title="test")
