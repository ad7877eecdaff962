"""What a batch will take, with a planted law of costs; and the refusal of what cannot fit."""

import copy
import gzip
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from alphafold_lite.batch import forecast as module
from alphafold_lite.batch.forecast import EMBEDDED_ROWS, EMBEDDED_TEMPLATES, Expectation, Forecaster, Total, forecast
from alphafold_lite.batch.ladder import max_residues, rungs
from alphafold_lite.batch.resuming import done_before
from alphafold_lite.common.errors import InputError
from alphafold_lite.predict import costs
from alphafold_lite.predict.calibration import Calibration, Circumstances, store
from alphafold_lite.predict.device import Placement
from alphafold_lite.predict.forecast import Load, Point
from alphafold_lite.predict.predictor import Predictor
from data_pipeline.config import NO_TEMPLATES, SearchConfig
from tests.support.batches import ALONE, UNTRAINED

GIB = 10**9
A_PAIR, A_TEMPLATED_PAIR = 10_000, 5_000  # bytes
SECONDS_A_PASS = 1e-4  # for each pair; with templates twice that


@pytest.fixture
def predictor(tmp_path, monkeypatch):
    """A network whose costs on this device are known to the byte, with some 10 GB free."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    predictor = Predictor("random:0", settings=replace(UNTRAINED, num_recycles=1, num_seeds=3), search=SearchConfig())
    points = [
        Point(
            load=Load(num_res=n, num_templates=t, passes=p),
            seconds=p * SECONDS_A_PASS * n**2 * (1 + t / 4),
            peak_bytes=GIB + (A_PAIR + A_TEMPLATED_PAIR * t) * n**2,
        )
        for n in (32, 64, 128, 256)
        for t in (0, 4)
        for p in (1, 2)
    ]
    circumstances = Circumstances.of(predictor.models[0].network.config, predictor.placement)
    store(circumstances, Calibration(points=tuple(points), base_bytes=GIB))
    for place in (module, costs):
        monkeypatch.setattr(place, "free_bytes", lambda device: A_PAIR * 1000.5**2)
    return predictor


def forecasts(predictor, text, tmp_path, **keywords):
    path = tmp_path / "in.fa"
    path.write_text(text)
    return list(forecast(str(path), Forecaster(predictor), **keywords))


def alone(predictor):
    predictor.search = ALONE
    return predictor


def test_time_and_memory_of_a_query_alone(predictor, tmp_path):
    (target,) = forecasts(alone(predictor), f">a\n{'MQIFVKTLTG' * 10}\n", tmp_path)
    assert target.seconds == pytest.approx(3 * 2 * SECONDS_A_PASS * 100**2, rel=0.01)
    assert target.seconds_range == pytest.approx((target.seconds, target.seconds))
    assert target.peak_bytes == pytest.approx(GIB + A_PAIR * 100**2, rel=0.01)
    assert (target.state, target.num_res, target.extrapolated) == ("fits", 100, False)


def test_with_searches_the_mean_over_targets_with_and_without_templates_is_expected(predictor, tmp_path):
    (target,) = forecasts(predictor, f">a\n{'MQIFVKTLTG' * 10}\n", tmp_path)
    plain = 3 * 2 * SECONDS_A_PASS * 100**2
    assert target.seconds == pytest.approx(plain * (1 + EMBEDDED_TEMPLATES), rel=0.02)
    assert target.seconds_range == pytest.approx((plain, 2 * plain), rel=0.02)
    assert target.peak_bytes == pytest.approx(GIB + (A_PAIR + 4 * A_TEMPLATED_PAIR) * 100**2, rel=0.01)


def test_what_fits_what_may_and_what_cannot(predictor, tmp_path):
    lengths = {"short": 500, "middle": 900, "long": 1001}  # 10 GB: 577 with templates, 1000 without
    text = "".join(f">{name}\n{'M' + 'QIFVK' * 300:.{length}}\n" for name, length in lengths.items())
    short, middle, long = forecasts(predictor, text, tmp_path)
    assert (short.state, middle.state, long.state) == ("fits", "may fit", "cannot fit")
    assert short.extrapolated and long.seconds is None
    assert "at most 1000 residues" in long.reason and "found 1001" in long.reason


def test_the_total_counts_what_is_to_be_folded(predictor, tmp_path):
    text = f">a\nMQIFV\n>b\nMQIFV\n>c\nM1\n>d\n{'MQIFV' * 300}\n>e\nMQIFVKTLTG\n>f\nMQI:FV\n"
    found = forecasts(alone(predictor), text, tmp_path)
    assert [target.state for target in found] == ["fits", "same", "unusable", "cannot fit", "fits", "fits"]
    total = Total(counts={})
    for target in found:
        total.add(target)
    assert total.counts == {"fits": 3, "same": 1, "unusable": 1, "cannot fit": 1}
    assert total.seconds == pytest.approx(sum(target.seconds for target in found if target.state == "fits"))
    assert total.peak_bytes == max(target.peak_bytes for target in found if target.state == "fits")
    assert total.to_json_dict()["targets"] == total.counts


def test_only_some_and_names_that_are_not_there(predictor, tmp_path):
    text = ">a\nMQIFV\n>b\nM1\n>c\nMQIFVK\n"
    assert [target.name for target in forecasts(alone(predictor), text, tmp_path, only=("C",))] == ["c"]
    with pytest.raises(InputError, match="nobody"):
        forecasts(predictor, text, tmp_path, only=("a", "nobody"))
    with pytest.raises(InputError, match="residue letters"):
        forecasts(predictor, ">b\nM1\n", tmp_path)


def test_a_long_file_is_read_as_it_is_told_of(predictor, tmp_path):
    path, length = tmp_path / "in.fa.gz", 100_000
    with gzip.open(path, "wt") as stream:
        for number in range(2000):
            stream.write(f">t{number}\n{'MQIFVKTLTG' * 20}{number * 'A'}\n")
    path.write_bytes(path.read_bytes()[:-length] if path.stat().st_size > 2 * length else path.read_bytes()[:-8])
    targets = forecast(str(path), Forecaster(alone(predictor)))
    assert next(targets).name == "t0"  # although the end of the file is missing
    tracemalloc.start()
    with pytest.raises(InputError):
        for _ in targets:
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**21  # the sequences are some 2.4 MB


@pytest.mark.parametrize(("search", "rows", "templates"), [
    (SearchConfig(), EMBEDDED_ROWS, EMBEDDED_TEMPLATES), (ALONE, 1, 0.0),
    (SearchConfig(msa_modes=("embedded",), templates=NO_TEMPLATES), EMBEDDED_ROWS, 0.0),
    (SearchConfig(msa_modes=("jackhmmer",), databases=("x.fa",)), None, EMBEDDED_TEMPLATES),
    (SearchConfig(data_dir=Path("x")), None, 1.0), (SearchConfig(msa_modes=("server",)), None, EMBEDDED_TEMPLATES),
    (SearchConfig(msa_modes=("single",), templates=NO_TEMPLATES, template_files=(Path("x.pdb"),)), 1, 1.0),
])  # fmt: skip
def test_what_searches_are_taken_to_find(search, rows, templates):
    assert Expectation.of(search) == Expectation(rows=rows, templates=templates)
    assert Expectation.of(search).text


def test_any_rung_with_room_is_enough(predictor, monkeypatch):
    assert max_residues(predictor, rungs(predictor)) == 1000
    meta = copy.copy(predictor)  # stands for a GPU: what was measured on the CPU does not count there
    meta.placement = Placement(device=torch.device("meta"), precision="fp32")
    meta.settings = replace(predictor.settings, device="auto", precision="fp32")
    by_rule = max_residues(meta, rungs(meta)[:1])
    assert by_rule != 1000 and max_residues(meta, rungs(meta)) == max(1000, by_rule)
    monkeypatch.setattr(costs, "free_bytes", lambda device: None)
    assert max_residues(predictor, rungs(predictor)) is None


def test_what_cannot_fit_is_refused_before_it_is_searched(batches):
    huge = "MQIFVKTLTG" * 20_000
    code, told = batches.run(f">one\nMQIFVKTLTG\n>huge\n{huge}\n>again\n{huge}\n")
    assert code == 3 and told.states == {"one": "done", "huge": "failed", "again": "failed"}
    reasons = dict(batches.rows("SELECT name, error FROM targets WHERE state = 'failed'"))
    assert "residues, for which the free memory is just enough, found 200000" in reasons["huge"]
    assert {name for (name,) in batches.rows("SELECT name FROM stages")} == {"one"}
    assert not (batches.out / "huge").exists()


def test_what_an_earlier_batch_has_done(batches, tmp_path):
    text = ">one\nMQIFVKTLTG\n>two\nKTITLEVE\n"
    assert batches.run(text, only=("one",))[0] == 0
    settings = batches.settings(text)
    predictor = Predictor("random:0", settings=settings.prediction, search=settings.search)
    is_done = done_before(batches.out, predictor)
    found = forecasts(predictor_without_measuring(predictor), text, tmp_path, is_done=is_done)
    assert [target.state for target in found] == ["done", "fits"]
    other = Predictor("random:1", settings=settings.prediction, search=settings.search)
    assert [target.state for target in forecasts(
        predictor_without_measuring(other), text, tmp_path, is_done=done_before(batches.out, other)
    )] == ["fits", "fits"]  # fmt: skip
    assert done_before(tmp_path / "nowhere", predictor) is None


def predictor_without_measuring(predictor):
    points = (Point(load=Load(num_res=8), seconds=1.0, peak_bytes=GIB),)
    calibration = Calibration(points=points, base_bytes=GIB // 2)
    store(Circumstances.of(predictor.models[0].network.config, predictor.placement), calibration)
    return predictor


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
