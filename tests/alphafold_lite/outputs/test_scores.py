import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from alphafold_lite.common.chains import chain_spans
from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.scores import (
    confidence_json,
    pae_json,
    ranking_debug_json,
    relax_metrics_json,
    timings_json,
    to_json,
)


def test_confidence_has_the_database_shape():
    scores = np.array([0.0, 49.999, 50.0, 69.994, 70.0, 89.995, 90.0, 100.0], np.float32)
    content = json.loads(confidence_json(scores))
    assert list(content) == ["residueNumber", "confidenceScore", "confidenceCategory"]
    assert content["residueNumber"] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert content["confidenceScore"] == [0.0, 50.0, 50.0, 69.99, 70.0, 90.0, 90.0, 100.0]
    assert content["confidenceCategory"] == ["D", "D", "L", "L", "M", "M", "H", "H"]


def test_confidence_carries_the_note():
    assert json.loads(confidence_json(np.array([50.0]), note="UNTRAINED"))["note"] == "UNTRAINED"


@pytest.mark.parametrize("scores", [[-0.1], [100.1], [np.nan], [[50.0]]])
def test_confidence_refuses_what_is_no_plddt(scores):
    with pytest.raises(InputError, match="pLDDT"):
        confidence_json(np.array(scores))


def test_pae_has_exactly_the_database_shape():
    text = pae_json(np.array([[0.01, 13.12345], [20.9, 31.75]], np.float32), 31.75)
    assert text == '[{"predicted_aligned_error":[[0,13],[21,32]],"max_predicted_aligned_error":31.75}]'


def test_pae_accepts_rounding_of_the_probabilities():
    assert json.loads(pae_json(np.array([[31.750002]]), np.float32(31.75)))[0]["predicted_aligned_error"] == [[32]]


@pytest.mark.parametrize("pae", [[[1.0, 2.0]], [1.0], [[-1.0]], [[40.0]], [[np.nan]]])
def test_pae_refuses_what_is_no_error_matrix(pae):
    with pytest.raises(InputError, match="square matrix"):
        pae_json(np.array(pae), 31.75)


def test_ranking_puts_the_best_first_and_keeps_the_order_of_equals():
    content = json.loads(ranking_debug_json({"a": 50.0, "b": np.float32(70.0), "c": 70.0}, note="UNTRAINED"))
    assert content == {"plddts": {"a": 50.0, "b": 70.0, "c": 70.0}, "order": ["b", "c", "a"], "note": "UNTRAINED"}
    assert "iptm+ptm" in json.loads(ranking_debug_json({"a": 0.5}, score_name="iptm+ptm"))


def test_chains_are_named_in_the_scores_of_complexes_only():
    spans = chain_spans(np.array([0, 0, 1]))
    content = json.loads(confidence_json(np.array([50.0, 60.0, 70.0]), spans=spans))
    assert content["residueNumber"] == [1, 2, 1] and content["chainId"] == ["A", "A", "B"]
    (content,) = json.loads(pae_json(np.zeros((3, 3)), 31.75, spans=spans))
    assert content["chains"] == [{"id": "A", "start": 1, "end": 2}, {"id": "B", "start": 3, "end": 3}]
    one = chain_spans(np.zeros(3, int))
    assert confidence_json(np.full(3, 50.0), spans=one) == confidence_json(np.full(3, 50.0))
    assert pae_json(np.zeros((3, 3)), 31.75, spans=one) == pae_json(np.zeros((3, 3)), 31.75)


def test_the_parts_of_a_ranking_score():
    text = ranking_debug_json({"a": 0.5}, score_name="iptm+ptm", parts={"iptm": {"a": 0.4}, "ptm": {"a": 0.9}})
    assert json.loads(text) == {"iptm+ptm": {"a": 0.5}, "iptm": {"a": 0.4}, "ptm": {"a": 0.9}, "order": ["a"]}


def test_relax_metrics_and_timings():
    @dataclass
    class Metrics:
        rmsd: float
        remaining_violations: tuple[int, ...]

    content = json.loads(relax_metrics_json({"model_1_pred_0": Metrics(0.25, (0, 1))}))
    assert content == {"model_1_pred_0": {"rmsd": 0.25, "remaining_violations": [0, 1]}}
    assert json.loads(timings_json({"fold": 1.23456})) == {"fold": 1.235}


def test_json_is_sorted_plain_and_refuses_nan():
    text = to_json({"b": np.int64(1), "a": np.array([1.5]), "path": Path("x"), "set": {2, 1}})
    assert text == '{\n  "a": [\n    1.5\n  ],\n  "b": 1,\n  "path": "x",\n  "set": [\n    1,\n    2\n  ]\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"a": float("nan")})
    with pytest.raises(TypeError, match="object has no JSON"):
        to_json({"a": object()})
