"""Fitting time and memory to points."""

from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.predict.forecast import CostModel, Load, Point, non_negative_least_squares

MIB = 2**20
LOADS = [
    Load(num_res=n, num_clusters=c, num_extra=e, num_templates=t, passes=p)
    for n in (32, 64, 96, 128, 192, 256)
    for c, e, t, p in ((1, 0, 0, 1), (1, 0, 0, 2), (1, 0, 4, 1), (1, 0, 4, 2), (64, 0, 0, 1), (16, 256, 0, 1))
]
BASE = 300 * MIB


def seconds(load):
    n, t = load.num_res, load.num_templates
    a_pass = 3e-5 * n**2 + 1e-7 * n**3 + 1e-8 * load.num_clusters * n**2 + 1e-6 * t * n**2
    return 0.02 + 2e-8 * t * n**3 + load.passes * a_pass  # templates are embedded once


def peak(load):
    n, rows = load.num_res, load.num_clusters + load.num_extra
    return int(BASE + 5000 * n**2 + 2000 * rows * n + 900 * load.num_templates * n**2)


def points(noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    wobble = np.exp(noise * rng.standard_normal(len(LOADS)))
    return [
        Point(load=load, seconds=factor * seconds(load), peak_bytes=peak(load))
        for load, factor in zip(LOADS, wobble, strict=True)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_the_best_non_negative_fit_is_found(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((12, 6)), rng.standard_normal(12)
    a[:, 5] = a[:, 4]  # two columns alike must do no harm
    x = non_negative_least_squares(a, b)
    gradient = a.T @ (a @ x - b)
    assert (x >= 0).all() and (gradient > -1e-8).all()  # no step into the allowed region helps
    assert np.abs(gradient[x > 0]).max(initial=0.0) < 1e-8


def test_nothing_fits_what_only_negative_terms_would():
    assert (non_negative_least_squares(np.ones((3, 1)), -np.ones(3)) == 0).all()


@pytest.mark.parametrize("load", [
    Load(num_res=80, passes=4), Load(num_res=160, num_templates=4, passes=2), Load(num_res=224, num_clusters=32, num_extra=100),
    Load(num_res=512, passes=4),
])  # fmt: skip
def test_a_law_of_the_known_form_is_found_again_and_carries_on(load):
    cost = CostModel.fit(points(), base_bytes=BASE)
    assert cost.seconds(load) == pytest.approx(seconds(load), rel=0.02)
    assert cost.peak_bytes(load) == pytest.approx(peak(load), rel=0.02)
    assert cost.bytes_beyond(load) == pytest.approx(cost.peak_bytes(load) - BASE)


@pytest.mark.parametrize("seed", range(5))
def test_times_that_scatter_by_a_tenth_are_forecast_within_a_quarter(seed):
    cost = CostModel.fit(points(noise=0.1, seed=seed), base_bytes=BASE)
    held_out = [replace(load, num_res=n, passes=4) for n in (48, 80, 160, 224) for load in LOADS[:4]]
    errors = [abs(cost.seconds(load) / seconds(load) - 1) for load in held_out]
    assert float(np.median(errors)) < 0.15 and max(errors) < 0.25


def test_longer_is_never_cheaper():
    cost = CostModel.fit(points(noise=0.3), base_bytes=BASE)
    lengths = [Load(num_res=n) for n in range(1, 5000, 50)]
    assert (np.diff([cost.seconds(load) for load in lengths]) >= 0).all()
    assert (np.diff([cost.bytes_beyond(load) for load in lengths]) >= 0).all()


def test_what_lies_beyond_the_points_is_known_to():
    cost = CostModel.fit(points(), base_bytes=BASE)
    assert not cost.extrapolates(Load(num_res=256, num_clusters=64, num_extra=256, num_templates=4, passes=9))
    for load in (Load(num_res=257), Load(num_res=9, num_clusters=65), Load(num_res=9, num_extra=257)):
        assert cost.extrapolates(load)


def test_memory_that_could_not_be_told_is_left_out():
    known = points()
    some = [point if number % 2 else replace(point, peak_bytes=None) for number, point in enumerate(known)]
    load = Load(num_res=160)
    assert CostModel.fit(some, base_bytes=BASE).peak_bytes(load) == pytest.approx(peak(load), rel=0.05)
    none = [replace(point, peak_bytes=None) for point in known]
    assert CostModel.fit(none, base_bytes=BASE).bytes_beyond(load) == 0
