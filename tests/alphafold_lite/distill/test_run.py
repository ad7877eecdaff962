"""From sequences to a training set, with an untrained network."""

import csv
import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.batch.distogram_file import load_distogram
from alphafold_lite.batch.files import distograms_folder
from alphafold_lite.distill.run import distill
from alphafold_lite.distill.settings import DistillSettings, Rules
from alphafold_lite.outputs.pdb import from_pdb
from alphafold_lite.training.chains import ChainSet
from alphafold_lite.training.crops import middle_crop
from alphafold_lite.training.inputs import is_possible
from data_pipeline.pipeline import read_alignment
from tests.support.batches import Recorder

FASTA = ">a first\nMQIFVKTLTG\n>b\nMQIFVKTLTGKTI\n>short\nMQI\n>c\nKTITLEVEPX\n>bad\nM1\n"
LOW = Rules(min_length=5, threshold=1e-5, min_confident_share=0.1)
PLDDT = Rules(measure="plddt", min_length=5, threshold=1e-3)


class Interrupting(Recorder):
    """Presses Ctrl-C when the first target is done."""

    def ended(self, end):
        super().ended(end)
        if len(self.ends) == 1:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def run(batches, params):
    def call(text=FASTA, *, rules=LOW, told=None, keep=False):
        told = told or Recorder()
        batch = replace(batches.settings(text), params=params)
        return distill(DistillSettings(batch=batch, rules=rules, keep_distograms=keep), told), [
            end.name for end in told.ends
        ]

    return call


def rows(out):
    with (out / "summary.csv").open() as stream:
        return {row["target"]: row for row in csv.DictReader(stream)}


def test_interrupted_gone_on_with_and_judged_anew(run, batches):
    out = batches.out
    outcome, ended = run(told=Interrupting())
    assert outcome.code == 130 and outcome.counts == {} and 1 <= len(ended) < 3
    assert not (out / "distilled.npz").exists() and not (out / "summary.csv").exists()

    outcome, rest = run()
    assert outcome.code == 0 and outcome.counts == {"sequences": 5, "predicted": 3, "kept": 3}
    assert sorted(ended + rest) == ["a", "b", "c"]  # each once
    found = rows(out)
    assert list(found) == ["a", "b", "short", "c", "bad"]
    assert found["short"]["reason"] == "3 residues, fewer than 5" and found["short"]["kept"] == "False"
    assert "only residue letters" in found["bad"]["reason"] and found["bad"]["mean_confidence"] == ""
    assert found["a"]["kept"] == "True" and found["a"]["depth"] == "1" and float(found["a"]["mean_confidence"]) > 0
    assert json.loads((out / "summary.json").read_text())["reference_sequences"] == 3
    assert {row["name"] for row in json.loads((out / "predictions" / "summary.json").read_text())["targets"]} == set(
        "abc"
    )
    kept = [load_distogram(path) for path in distograms_folder(out / "predictions").glob("[0-9a-f]*.npz")]
    assert len(kept) == 3 and all(one.log_probabilities is None and one.confidence is not None for one in kept)
    check_set(out)

    threshold = np.median(np.concatenate([one.confidence for one in kept]))
    strict = Rules(min_length=5, threshold=float(threshold), min_confident_share=0.95, min_depth=1)
    outcome, ended = run(rules=strict)
    assert ended == [] and outcome.counts["kept"] < 3  # judged by what is kept, nothing is predicted again
    lost = [row for row in rows(out).values() if "of the residues have a confidence" in row["reason"]]
    assert len(lost) == 3 - outcome.counts["kept"]
    assert not any((out / f"{row['target']}.a3m.gz").exists() for row in lost)


def check_set(out):
    """The packed set says what the predictions do."""
    chains = ChainSet.open(out / "distilled.npz")
    assert chains.ids == ("a", "b", "c") and len(set(chains.clusters.tolist())) == 3
    for chain in chains:
        structure = from_pdb((out / "predictions" / chain.id / "ranked_0.pdb").read_text())
        rows = structure.residue_index - 1  # unknown residues have no atoms
        assert np.array_equal(np.flatnonzero(chain.aatype < 20), rows)
        assert np.array_equal(chain.aatype[rows], structure.aatype)
        exists = structure.atom_mask > 0
        assert np.array_equal(chain.atom37_mask[rows] > 0, exists)  # side chains, too
        assert chain.atom37_mask.sum() == exists.sum()
        shift = (structure.atom_positions - chain.atom37_positions[rows])[exists]
        assert np.ptp(shift, axis=0).max() <= 0.011  # one and the same, but for the rounding
        assert set(np.round(chain.weights * 255).astype(int).tolist()) <= {0, *range(128, 256)}
        assert chain.weights.max() > 0 and chain.resolution is None
        assert (chain.weights[chain.aatype == 20] == 0).all()
        assert read_alignment(chain.alignment).sequences[0] == chain.sequence
        assert is_possible(middle_crop(chain, 8), "alignment")
        known = chain.aatype < 20
        assert chain.profile[known, chain.aatype[known]] == pytest.approx(1) and (chain.profile[~known] == 0).all()


def test_plddt_instead(run, batches):
    outcome, _ = run(rules=PLDDT)
    assert outcome.code == 0 and outcome.counts["kept"] == 3
    assert not distograms_folder(batches.out / "predictions").exists()
    for name, row in rows(batches.out).items():
        if name in ("a", "b"):
            assert float(row["mean_confidence"]) == pytest.approx(float(row["mean_plddt"]), abs=0.01), name

    deep = Rules(measure="plddt", min_length=5, threshold=1e-3, min_depth=2)
    outcome, ended = run(rules=deep)
    assert outcome.code == 3 and outcome.counts["kept"] == 0 and ended == []
    assert rows(batches.out)["a"]["reason"] == "an alignment of 1 rows, fewer than 2"
    assert not (batches.out / "distilled.npz").exists() and not list(batches.out.glob("*.a3m.gz"))
