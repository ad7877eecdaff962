"""The model that comes with the package: what its file and its card say, and that `predict` takes it."""

import hashlib
import json

import pytest

from alphafold_lite.cli.main import run
from alphafold_lite.kernels.reference import reference
from alphafold_lite.training import presets
from alphafold_lite.weights.checkpoint import load_checkpoint, read_header
from alphafold_lite.weights.locations import BUNDLED

CARD = BUNDLED.with_name("MODEL_CARD.md")


def test_it_is_small_and_says_what_it_is():
    about = read_header(BUNDLED)
    assert about.config == presets.lite().model
    assert (about.name, about.license, about.untrained, about.learnt_library) == ("lite", "CC BY 4.0", False, True)
    assert "held-out chains" in about.caution and about.step > 0
    count = sum(parameter.numel() for parameter in load_checkpoint(BUNDLED, reference()).parameters())
    assert BUNDLED.stat().st_size <= 16e6 and count <= 8e6
    assert f"{count:,} parameters" in CARD.read_text("utf-8")


def test_the_card_is_of_this_very_file():
    assert hashlib.sha256(BUNDLED.read_bytes()).hexdigest() in CARD.read_text("utf-8")


@pytest.fixture
def without_parameters(tmp_path, monkeypatch):
    """A user who has fetched nothing."""
    monkeypatch.delenv("ALPHAFOLD_LITE_PARAMS", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_predict_takes_it_where_nothing_else_is_there(without_parameters, capsys):
    fasta, out = without_parameters / "u.fa", without_parameters / "out"
    fasta.write_text(">u\nMQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG\n")
    line = f"--fasta {fasta} --out-dir {out} --relax none --msa-mode single --num-recycles 1"
    assert run(["predict", *line.split()]) == 0
    printed = capsys.readouterr()
    assert "u: lite: mean pLDDT" in printed.out and "held-out chains" in printed.err
    assert "trained on this protein (5NVG_A" in printed.err
    record = json.loads((out / "u" / "run.json").read_text())
    (parameters,) = record["parameters"]
    assert parameters["name"] == "lite" and parameters["license"] == "CC BY 4.0"
    assert "held-out chains" in record["note"]
    assert "REMARK 220 made by the small bundled model" in " ".join((out / "u" / "ranked_0.pdb").read_text().split())
