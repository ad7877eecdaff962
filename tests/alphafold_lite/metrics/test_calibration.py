import numpy as np
import pytest

from alphafold_lite.metrics.calibration import calibrate, correlation


def test_correlation_is_pearsons():
    rng = np.random.default_rng(0)
    x = 1000 + rng.normal(0, 1, 300)
    y = x + rng.normal(0, 1, 300)
    found = correlation(x, y, np.arange(300) // 3)
    assert found.value == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)
    assert found.low < found.value < found.high
    assert found.n == 300


def test_correlation_of_what_does_not_vary_or_is_too_little():
    assert correlation(np.ones(9), np.arange(9.0), np.arange(9)).value is None
    assert correlation(np.arange(2.0), np.arange(2.0), np.arange(2)).value is None


def test_a_calibrated_network():
    plddt = np.linspace(0.02, 0.98, 500)
    found = calibrate(plddt, plddt, np.arange(500))
    assert found.mean_error.value == pytest.approx(0, abs=1e-12)
    assert sum(row.lddt.n for row in found.bins) == 500
    assert all(row.lower <= row.plddt.value < row.upper for row in found.bins)


def test_error_by_hand():
    """Two bins: 3 residues say 0.85 and have 0.55, 1 says 0.25 and has 0.45."""
    found = calibrate(np.array([0.85, 0.85, 0.85, 0.25]), np.array([0.5, 0.55, 0.6, 0.45]), np.arange(4))
    assert found.mean_error.value == pytest.approx((3 * 0.3 + 1 * 0.2) / 4)
    assert [row.lddt.n for row in found.bins] == [0, 0, 1, 0, 0, 0, 0, 0, 3, 0]
    assert found.bins[8].lddt.value == pytest.approx(0.55)
    assert found.bins[0].lddt.value is None


def test_errors_of_both_signs_do_not_cancel_between_bins():
    found = calibrate(np.array([0.95, 0.05]), np.array([0.75, 0.25]), np.arange(2))
    assert found.mean_error.value == pytest.approx(0.2)


def test_the_limits_of_the_scale_have_a_bin():
    found = calibrate(np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.arange(2))
    assert found.bins[0].lddt.n == found.bins[9].lddt.n == 1
