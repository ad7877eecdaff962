import numpy as np
import pytest

import alphafold_lite
from alphafold_lite.common.errors import InputError, MissingResourceError
from alphafold_lite.predict.predictor import Predictor, ranked
from alphafold_lite.relax.result import RelaxMetrics, RelaxResult
from data_pipeline.config import NO_TEMPLATES, SearchConfig

ALONE = SearchConfig(msa_modes=("single",), templates=NO_TEMPLATES)
SEQUENCE = "MQIFVKTLTG"


class Recorder:
    """Keeps what a predictor tells."""

    def __init__(self):
        self.recycles, self.blocks = [], []

    def target(self, name, number, total):
        pass

    def stage(self, name):
        pass

    def recycle(self, number, total):
        self.recycles.append((number, total))

    def block(self, number, total):
        self.blocks.append((number, total))


def test_shapes_and_ranges(result):
    assert result.plddt.shape == (10,) and (result.plddt >= 0).all() and (result.plddt <= 100).all()
    assert result.pae.shape == (10, 10) and 0 <= result.ptm <= 1
    assert result.protein is result.unrelaxed
    assert list(result.protein.residue_index) == list(range(1, 11))
    assert np.isfinite(result.protein.atom_positions).all()
    assert not result.protein.atom_positions[result.protein.atom_mask == 0].any()


def test_a_predictor_folds_many_and_depends_only_on_its_input(predictor, result):
    other = predictor.fold("KTITLEVEPSDT")
    again = predictor.fold(SEQUENCE)
    assert other.plddt.shape == (12,)
    assert np.array_equal(again.protein.atom_positions, result.protein.atom_positions)


def test_fold_in_one_call(result, tmp_path):
    folded = alphafold_lite.fold(
        "mqifv ktltg*", params="random:0", search=ALONE, num_recycles=1, relax="none", device="cpu"
    )
    assert np.array_equal(folded.plddt, result.plddt)
    folded.save(tmp_path / "out.pdb")
    assert "UNTRAINED" in (tmp_path / "out.pdb").read_text()


def test_every_model_and_seed_best_first():
    results = Predictor(
        "random:0", search=ALONE, num_recycles=0, num_seeds=3, seed=4, relax="none", device="cpu"
    ).fold_all(SEQUENCE)
    assert sorted((one.number, one.seed) for one in results) == [(0, 4), (1, 5), (2, 6)]
    means = [one.mean_plddt for one in results]
    assert means == sorted(means, reverse=True) and len(set(means)) == 3
    assert ranked(results[::-1]) == results


def test_equal_scores_keep_their_order(result):
    assert [id(one) for one in ranked([result, result])] == [id(result)] * 2


def test_progress_by_recycle_and_block():
    seen = Recorder()
    predictor = Predictor("random:0", progress=seen, num_recycles=1, relax="none", device="cpu")
    predictor.fold(SEQUENCE)
    total = len(predictor.models[0].network.evoformer.blocks)
    assert seen.recycles == [(1, 2), (2, 2)]
    assert seen.blocks == [(number, total) for number in range(1, total + 1)] * 2
    assert not any(block._forward_hooks for block in predictor.models[0].network.evoformer.blocks)


def test_recycling_stops_at_the_tolerance():
    folded = Predictor(
        "random:0", num_recycles=5, recycle_tolerance=1e6, relax="none", device="cpu"
    ).fold(SEQUENCE)  # fmt: skip
    assert folded.num_recycles == 1


@pytest.mark.parametrize(("choice", "relaxed"), [("none", []), ("best", [0]), ("all", [0, 1])])
def test_which_ranks_are_relaxed(choice, relaxed, monkeypatch):
    def fake(protein, violations, config):
        assert violations(protein).shape == protein.aatype.shape
        metrics = RelaxMetrics(kept_round=1)
        return RelaxResult(protein=protein, status="converged", message="", metrics=metrics)

    monkeypatch.setattr("alphafold_lite.relax.relaxation.available", lambda: None)
    monkeypatch.setattr("alphafold_lite.relax.relaxation.relax", fake)
    results = Predictor("random:0", num_recycles=0, num_seeds=2, relax=choice, device="cpu").fold_all(SEQUENCE)
    assert [rank for rank, one in enumerate(results) if one.relaxed is not None] == relaxed


def test_what_cannot_be_used(predictor, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="position 3"):
        predictor.fold("MQ1FV")
    with pytest.raises(TypeError, match="num_recycle"):
        Predictor("random:0", num_recycle=1)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("ALPHAFOLD_LITE_PARAMS", raising=False)
    with pytest.raises(MissingResourceError, match="alphafold_params"):
        Predictor(models=("model_1_ptm",))
    assert Predictor(relax="none").models[0].source.name == "lite"
