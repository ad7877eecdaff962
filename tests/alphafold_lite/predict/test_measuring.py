"""Measuring runs on this device, and what comes of it."""

import logging

import pytest

from alphafold_lite.predict import measuring
from alphafold_lite.predict.calibration import Circumstances, stored
from alphafold_lite.predict.device import peak_bytes
from alphafold_lite.predict.forecast import Load
from alphafold_lite.predict.measuring import calibrate, loads, measure, synthetic_features
from alphafold_lite.predict.predictor import Predictor
from data_pipeline.config import NO_TEMPLATES, SearchConfig
from data_pipeline.sampling import SamplingConfig

ALONE = SearchConfig(msa_modes=("single",), templates=NO_TEMPLATES)


@pytest.fixture
def predictor(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(measuring, "LENGTHS", (8, 16))
    monkeypatch.setattr(measuring, "REPEATS", 1)
    return Predictor("random:0", search=ALONE, relax="none", device="cpu")


def test_every_part_of_the_network_is_measured_at_every_length(predictor):
    model = predictor.models[0]
    found = measure(predictor, model)
    assert [point.load for point in found.points] == list(loads(model.sampling))
    assert all(0 < point.seconds < 30 for point in found.points)
    deepest = max(found.points, key=lambda point: point.load.num_extra)
    assert deepest.load.num_extra == model.sampling.max_extra and found.base_bytes > 100 * 2**20
    assert deepest.peak_bytes is None or deepest.peak_bytes > found.base_bytes


def test_without_time_only_the_cheapest_is_measured(predictor):
    found = measure(predictor, predictor.models[0], seconds=0.0)
    assert [point.load for point in found.points] == [Load(num_res=8), Load(num_res=16)]


@pytest.fixture
def pretended(monkeypatch):
    """Runs are only noted; each is said to take a second for every 100 residues squared."""
    noted = []
    monkeypatch.setattr(measuring, "LENGTHS", (100, 200, 400, 10_000))
    monkeypatch.setattr(measuring, "ALWAYS", 100)

    def run_once(predictor, model, load, folder):
        noted.append(load.num_res)
        return load.num_res**2 / 10_000

    monkeypatch.setattr(measuring, "run_once", run_once)
    return noted


@pytest.mark.parametrize(("seconds", "longest"), [(0.0, 100), (10.0, 100), (20.0, 200), (80.0, 400)])
def test_a_size_expected_to_take_too_long_is_left_out(predictor, pretended, seconds, longest):
    found = measure(predictor, predictor.models[0], seconds=seconds)
    assert max(point.load.num_res for point in found.points) == max(pretended) == longest


def test_a_size_without_room_is_left_out(predictor, pretended, monkeypatch):
    config = predictor.models[0].network.config
    just_not = 2 * peak_bytes(config, num_res=200, num_clusters=1, num_extra=0)
    monkeypatch.setattr(measuring, "free_bytes", lambda device: just_not)
    measure(predictor, predictor.models[0], seconds=1e9)
    assert max(pretended) == 100
    monkeypatch.setattr(measuring, "free_bytes", lambda device: 1.01 * just_not)
    measure(predictor, predictor.models[0], seconds=1e9)
    assert max(pretended) == 200


def test_a_device_is_measured_once_unless_asked_again(predictor, monkeypatch, caplog):
    calibrate(predictor, seconds=0.0)
    circumstances = Circumstances.of(predictor.models[0].network.config, predictor.placement)
    kept = stored(circumstances)
    assert kept is not None
    assert predictor.costs.measured(predictor.models[0].network.config, predictor.placement) == kept.cost_model()
    made = []
    monkeypatch.setattr(measuring, "measure", lambda *arguments, **keywords: made.append(1) or kept)
    calibrate(predictor)
    assert not made
    calibrate(predictor, again=True)
    assert made == [1]


def test_a_cache_that_cannot_be_written_costs_a_warning(predictor, tmp_path, caplog):
    (tmp_path / "cache").write_text("in the way")
    with caplog.at_level(logging.WARNING, "alphafold_lite"):
        calibrate(predictor, seconds=0.0)
    assert "not kept" in caplog.text
    assert predictor.costs.measured(predictor.models[0].network.config, predictor.placement) is not None


def test_loads_follow_what_a_network_reads():
    plain = list(loads(SamplingConfig(max_clusters=1, max_extra=0, max_templates=0)))
    assert {(load.num_clusters, load.num_extra, load.num_templates) for load in plain} == {(1, 0, 0)}
    deep = list(loads(SamplingConfig(max_clusters=512, max_extra=5120)))
    assert Load(num_res=32, num_clusters=512, num_extra=5120) in deep and Load(num_res=64, passes=2) in deep
    assert len(deep) == len(set(deep))


def test_synthetic_features_have_the_size_asked_for():
    features = synthetic_features(Load(num_res=9, num_clusters=4, num_extra=3, num_templates=2))
    assert features.msa.shape == features.deletion_matrix.shape == (7, 9) and len(features.sequence) == 9
    assert features.templates.atom_positions.shape == (2, 9, 37, 3)
    assert synthetic_features(Load(num_res=9)).templates is None
