"""Networks say of which proteins they know the answer."""

import json
from dataclasses import replace

import pytest

from alphafold_lite.predict.collect import Collected
from alphafold_lite.predict.familiar import chains_learnt, familiar_note
from alphafold_lite.predict.predictor import Predictor
from alphafold_lite.predict.targets import Request, predict_targets
from alphafold_lite.weights.checkpoint import Checkpoint, save_checkpoint
from data_pipeline.config import SearchConfig
from data_pipeline.library.library import Library
from data_pipeline.parsers.fasta import parse_fasta
from data_pipeline.templates.selection import TemplateOutcome, TemplateSelection

CAUTION = "a trial network of no use"
UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"


@pytest.fixture(scope="module")
def parameters(predictor, tmp_path_factory):
    """Parameters that say they were trained on the library."""
    path = tmp_path_factory.mktemp("parameters") / "trial.safetensors"
    network = predictor.models[0].network
    about = Checkpoint(
        config=network.config, name="trial", license="CC0", untrained=False, caution=CAUTION, learnt_library=True
    )
    save_checkpoint(path, network, about)
    return str(path)


def found(**values):
    """A search with one hit."""
    plain = {"source": "library", "used": True, "reason": "", "e_value": 1e-9, "date": None}
    outcome = TemplateOutcome(**(plain | {"name": "1abc_A", "identity": 0.99, "coverage": 1.0} | values))

    class OfOne:
        templates = TemplateSelection(features=None, outcomes=(outcome,))

    return Collected(features=None, msas={}, found={"A": OfOne()}, depth=None)


def test_a_hit_that_is_the_query_itself():
    learnt = frozenset({"1abc_A"})
    note = familiar_note(found(), learnt)
    assert "1abc_A, 99 % identical" in note and "was a template" in note
    assert "is in the library" in familiar_note(found(used=False), learnt)
    assert familiar_note(found(), frozenset()) is None
    for other in ({"identity": 0.94}, {"coverage": 0.94}, {"source": "user"}, {"name": "2abc_A"}):
        assert familiar_note(found(**other), learnt) is None, other


def test_only_networks_that_learnt_the_embedded_library(parameters):
    predictor = Predictor(parameters, relax="none")
    learnt, library = chains_learnt(predictor), Library.embedded()
    assert learnt and not learnt & library.validation_names and learnt < set(library.chain_names)
    predictor.search = SearchConfig(library="elsewhere")
    assert not chains_learnt(predictor)
    assert not chains_learnt(Predictor("random:0", relax="none"))


def test_outputs_say_what_the_parameters_say_and_what_was_learnt(parameters, tmp_path, caplog):
    search = SearchConfig(msa_modes=("single",), use_cache=False)
    predictor = Predictor(parameters, search=search, relax="none", num_recycles=0)
    assert CAUTION in caplog.text
    (report,) = predict_targets(parse_fasta(f">u\n{UBIQUITIN}\n"), predictor, Request(out_dir=tmp_path))
    assert report.to_json_dict()["note"] == CAUTION and "trained on this protein (5NVG_A" in caplog.text
    folder = tmp_path / "u"
    note = json.loads((folder / "run.json").read_text())["note"]
    assert note.startswith(CAUTION) and "trained on this protein (5NVG_A" in note
    assert CAUTION in (folder / "ranked_0.pdb").read_text()
    assert json.loads((folder / "confidence_trial_pred_0.json").read_text())["note"] == CAUTION
    assert replace(report.results[0], caution="").note is None
