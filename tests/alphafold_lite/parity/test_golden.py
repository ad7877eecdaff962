"""Parity with the reference implementation, in both precisions, on the copy that is kept with the tests: never left out."""

import json
from pathlib import Path

import pytest

from alphafold_lite.parity import runner

GOLDEN = Path(__file__).parents[2] / "golden" / "reference"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("part", ["model_1_ptm", "modules", "confidence"])
def test_every_golden_array_agrees(part, dtype, capsys):
    status = runner.main([str(GOLDEN), "--json", "--dtype", dtype, "--only", part])
    arrays = json.loads(capsys.readouterr().out)["arrays"]
    recorded = json.loads((GOLDEN / part / "tolerances.json").read_text("utf-8"))["files"]
    assert len(arrays) == sum(len(names) for names in recorded.values())
    assert [a for a in arrays if not a["ok"]] == []
    assert status == 0
