"""Memory by what was measured, else by the rough rule."""

import pytest
import torch

from alphafold_lite.common.errors import TargetError
from alphafold_lite.predict import costs
from alphafold_lite.predict.calibration import Calibration, Circumstances, store
from alphafold_lite.predict.costs import Costs, load_of
from alphafold_lite.predict.device import Placement, peak_bytes
from alphafold_lite.predict.forecast import Load, Point
from alphafold_lite.predict.predictor import Predictor
from alphafold_lite.presets import model_config
from data_pipeline.sampling import SamplingConfig

CPU, BF16 = (Placement(device=torch.device("cpu"), precision=precision) for precision in ("fp32", "bf16"))
CONFIG = model_config("tiny")
BASE, A_PAIR = 2**28, 10_000


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """A device on which each pair of residues costs 10,000 bytes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    points = [
        Point(load=Load(num_res=n), seconds=1e-5 * n**2, peak_bytes=BASE + A_PAIR * n**2) for n in (32, 64, 128, 256)
    ]
    store(Circumstances.of(CONFIG, CPU), Calibration(points=tuple(points), base_bytes=BASE))


def test_what_was_measured_counts_only_where_it_was(measured):
    load = Load(num_res=500, num_clusters=7, num_extra=3)
    assert Costs().bytes_beyond(CONFIG, CPU, load) == pytest.approx(A_PAIR * 500**2, rel=1e-6)
    assert Costs().bytes_beyond(CONFIG, BF16, load) == Costs().bytes_beyond(CONFIG, CPU, load)  # at most as much
    elsewhere = Placement(device=torch.device("meta"), precision="fp32")
    assert Costs().bytes_beyond(CONFIG, elsewhere, load) == peak_bytes(CONFIG, num_res=500, num_clusters=7, num_extra=3)
    other = model_config("model_3_ptm")
    assert Costs().bytes_beyond(other, CPU, load) == peak_bytes(other, num_res=500, num_clusters=7, num_extra=3)


def test_memory_of_short_runs_alone_tells_nothing(measured):
    points = tuple(Point(load=Load(num_res=n), seconds=0.1, peak_bytes=BASE + n) for n in (8, 16))
    store(Circumstances.of(CONFIG, CPU), Calibration(points=points, base_bytes=BASE))
    assert Costs().bytes_beyond(CONFIG, CPU, Load(num_res=500)) == peak_bytes(
        CONFIG, num_res=500, num_clusters=1, num_extra=0
    )


def test_the_longest_chain_just_fits(measured, monkeypatch):
    monkeypatch.setattr(costs, "free_bytes", lambda device: A_PAIR * 1000.5**2)
    known = Costs()
    assert known.max_residues([CONFIG], CPU) == 1000
    by_rule = known.max_residues([CONFIG], Placement(device=torch.device("meta"), precision="fp32"))
    assert by_rule is not None
    fits = [
        peak_bytes(CONFIG, num_res=n, num_clusters=1, num_extra=0) <= A_PAIR * 1000.5**2 for n in (by_rule, by_rule + 1)
    ]
    assert fits == [True, False]
    assert known.max_residues([CONFIG, model_config("model_1_ptm")], CPU) <= 1000
    monkeypatch.setattr(costs, "free_bytes", lambda device: None)
    assert known.max_residues([CONFIG], CPU) is None


def test_a_predictor_refuses_by_what_was_measured(measured, monkeypatch):
    predictor = Predictor("random:0", relax="none", device="cpu", precision="fp32")
    monkeypatch.setattr("alphafold_lite.predict.device.free_bytes", lambda device: A_PAIR * 1000.5**2)
    predictor.check_length(1000)
    with pytest.raises(TargetError, match="1001 residues"):
        predictor.check_length(1001)


def test_rows_become_clusters_and_extra_rows():
    sampling = SamplingConfig(max_clusters=100, max_extra=50, max_templates=4)
    assert load_of(sampling, num_res=9, rows=1, templates=False) == Load(num_res=9)
    assert load_of(sampling, num_res=9, rows=130, templates=True, passes=2) == Load(
        num_res=9, num_clusters=100, num_extra=30, num_templates=4, passes=2
    )
    assert load_of(sampling, num_res=9, rows=1000, templates=False).num_extra == 50
