import numpy as np
import pytest

from alphafold_lite.parity.compare import Rule, compare, compare_json

REAL = Rule(kind="real", mask=None, tolerance=1e-3)
EXACT = Rule(kind="exact", mask=None, tolerance=0.0)
AFFINE = Rule(kind="affine", mask=None, tolerance=1e-3)


def _judge(got, want, rule=REAL, **masks):
    return compare(got, np.asarray(want), rule, {name: np.asarray(mask) for name, mask in masks.items()})


def test_real_within_and_beyond_the_tolerance():
    assert _judge([1.0, 2.0009], [1.0, 2.0]).ok
    verdict = _judge([1.0, 2.0011], [1.0, 2.0])
    assert not verdict.ok and verdict.max_difference == pytest.approx(0.0011)


def test_difference_is_taken_in_float64():
    want = np.array([1.0], np.float32)
    assert _judge(np.array([1.0 + 1e-9]), want, Rule(kind="real", mask=None, tolerance=2e-9)).max_difference > 5e-10


@pytest.mark.parametrize("got", [[1.0], [[1.0, 2.0]], 1.0, [1.0, 2.0, 3.0]])
def test_another_shape_fails_without_a_difference(got):
    verdict = _judge(got, [1.0, 2.0])
    assert not verdict.ok and verdict.max_difference is None and "shape" in verdict.note


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite_is_never_right(bad):
    for want in (0.0, bad):
        verdict = _judge([bad, 1.0], [want, 1.0])
        assert not verdict.ok and verdict.max_difference is None
    assert not _judge([bad], [0], EXACT).ok
    assert not _judge([bad, 0, 0, 0, 0, 0, 0], [1.0, 0, 0, 0, 0, 0, 0], AFFINE).ok


def test_masked_entries_may_be_anything():
    rule = Rule(kind="real", mask="residue", tolerance=1e-3)
    got, want = np.array([[1.0, 2.0], [np.nan, 50.0]]), np.array([[1.0, 2.0], [0.0, 0.0]])
    assert _judge(got, want, rule, residue=[1, 0]).ok
    assert not _judge(got, want, rule, residue=[0, 1]).ok
    assert not _judge(got + 1, want, rule, residue=[True, False]).ok


def test_mask_axes_of_size_one_stretch():
    rule = Rule(kind="real", mask="layer_residue", tolerance=1e-3)
    want = np.zeros((3, 2, 4))
    got = want.copy()
    got[:, 1] = 7
    assert _judge(got, want, rule, layer_residue=[[1, 0]]).ok
    got[2, 0, 3] = 7
    assert not _judge(got, want, rule, layer_residue=[[1, 0]]).ok


def test_a_mask_that_is_not_there_or_does_not_fit_is_a_failure():
    rule = Rule(kind="real", mask="residue", tolerance=1e-3)
    assert "not recorded" in _judge([1.0], [1.0], rule).note
    for mask in ([1, 1, 1], [[1, 1]]):
        verdict = _judge([1.0, 2.0], [1.0, 2.0], rule, residue=mask)
        assert not verdict.ok and verdict.note


def test_nothing_selected_agrees():
    assert _judge([1.0], [9.0], Rule(kind="real", mask="m", tolerance=0.0), m=[0]).ok
    assert _judge(np.zeros((0, 3)), np.zeros((0, 3))).ok


def test_exact_ignores_the_type_of_numbers_but_not_their_value():
    assert _judge(np.array([1, 2], np.int64), np.array([1, 2], np.int32), EXACT).ok
    assert _judge(np.array([True, False]), np.array([1, 0], np.int32), EXACT).ok
    assert _judge(np.array([1, 3]), [1, 2], EXACT).max_difference == 1
    assert not _judge(np.array([1.0, 2.0 + 1e-9]), [1, 2], EXACT).ok


def test_exact_has_no_tolerance_whatever_the_file_says():
    assert not _judge([2], [1], Rule(kind="exact", mask=None, tolerance=5.0)).ok


def test_text():
    assert _judge(np.array(["ab", "c"]), np.array(["ab", "c"]), EXACT).ok
    assert _judge(np.array([b"ab", b"c"]), np.array(["ab", "c"]), EXACT).ok
    assert _judge(np.array(["ab", "d"]), np.array(["ab", "c"]), EXACT).max_difference == 1
    assert not _judge(np.array([1, 2]), np.array(["1", "2"]), EXACT).ok
    assert not _judge(np.array(["ab", "c"], dtype=object), np.array(["ab", "c"]), EXACT).ok


def test_affine_quaternion_may_be_negated_as_a_whole_each_on_its_own():
    want = np.array([[0.5, 0.5, -0.5, 0.5, 1.0, 2.0, 3.0], [1.0, 0, 0, 0, 4.0, 5.0, 6.0]])
    got = want.copy()
    got[0, :4] *= -1
    assert _judge(got, want, AFFINE).ok
    assert not _judge(got, want, REAL).ok
    part = want.copy()
    part[0, :2] *= -1
    assert not _judge(part, want, AFFINE).ok
    translation = want.copy()
    translation[:, 4:] *= -1
    assert not _judge(translation, want, AFFINE).ok
    assert not _judge(-want, want, AFFINE).ok


def test_unknown_kind_is_a_failure():
    assert not _judge([1.0], [1.0], Rule(kind="nearly", mask=None, tolerance=1.0)).ok


def test_json_content():
    assert compare_json({"a": (1, 2), "b": None}, {"a": [1, 2], "b": None}).ok
    assert not compare_json({"a": [2, 1]}, {"a": [1, 2]}).ok
    assert not compare_json({"a": [1]}, {"a": [1], "b": 0}).ok
    unfit = compare_json({"a": np.float32(1)}, {"a": 1.0})
    assert not unfit.ok and unfit.max_difference is None
