"""Two and three chains from FASTA to files, with an untrained network."""

import json
from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.outputs import pae_plot
from alphafold_lite.outputs.pdb import from_pdb
from alphafold_lite.predict.folder import TargetFolder, run_identity, target_record
from alphafold_lite.predict.predictor import ranked
from alphafold_lite.predict.result import ranking_scores
from alphafold_lite.predict.targets import Request, predict_targets
from data_pipeline.parsers.fasta import parse_fasta

STEM = "untrained_tiny_pred_0"


@pytest.fixture(scope="module")
def dimer(predictor):
    return predictor.fold("MQIFV:KTLTGYG")


@pytest.fixture(scope="module")
def written(predictor, tmp_path_factory):
    """The output folder and reports of a heterodimer, a homotrimer and a single chain."""
    out = tmp_path_factory.mktemp("complexes")
    reading = parse_fasta(">hetero\nMQIFV:KTLTGYG\n>homo\nMQI:MQI:MQI\n>single\nMQIFV\n")
    return out, list(predict_targets(reading, predictor, Request(out_dir=out)))


def load(folder, name):
    return json.loads((folder / name).read_text())


def test_scores_of_a_complex(dimer, result):
    assert dimer.plddt.shape == (12,) and dimer.pae.shape == (12, 12)
    assert 0 <= dimer.iptm <= 1 and dimer.interface_score == pytest.approx(0.8 * dimer.iptm + 0.2 * dimer.ptm)
    assert [(span.id, span.start, span.stop) for span in dimer.chains] == [("A", 0, 5), ("B", 5, 12)]
    assert result.iptm is None and result.interface_score is None and len(result.chains) == 1


def test_chains_are_numbered_from_one_and_end_with_ter(dimer):
    lines = dimer.pdb().splitlines()
    ends = [number for number, line in enumerate(lines) if line.startswith("TER")]
    assert [lines[number][17:26] for number in ends] == ["VAL A   5", "GLY B   7"]
    assert "chains A, B" in dimer.pdb()
    again = from_pdb(dimer.pdb())
    assert again.residue_index.tolist() == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 6, 7]
    assert again.chain_index.tolist() == [0] * 5 + [1] * 7


def test_the_chains_are_apart_for_the_network(predictor, dimer):
    joined = predictor.fold("MQIFVKTLTGYG")
    assert not np.allclose(dimer.plddt, joined.plddt, atol=1e-4)


def test_complexes_are_ranked_by_interface_and_single_chains_by_plddt(dimer, result):
    def scored(iptm, ptm, plddt):
        return replace(dimer, iptm=iptm, ptm=ptm, plddt=np.full(12, plddt, np.float32))

    sure, close = scored(0.2, 0.9, 90.0), scored(0.5, 0.5, 40.0)
    assert ranked([sure, close]) == (close, sure)
    assert ranking_scores([sure, close]) == ("iptm+ptm", pytest.approx([0.34, 0.5]))
    without = replace(close, iptm=None, ptm=None, pae=None, max_pae=None)
    assert ranked([without, sure]) == (sure, without)
    assert ranking_scores([sure, without]) == ("plddts", [90.0, 40.0])
    assert ranking_scores([result]) == ("plddts", [result.mean_plddt])


@pytest.mark.parametrize(("name", "chains"), [("hetero", ["MQIFV", "KTLTGYG"]), ("homo", ["MQI"] * 3)])
def test_every_file_of_a_complex_names_its_chains(written, name, chains):
    folder = written[0] / name
    ids = list("ABC"[: len(chains)])
    target = load(folder, "run.json")["target"]
    assert target["chains"] == [{"id": i, "sequence": s} for i, s in zip(ids, chains, strict=True)]
    assert target["sequence"] == "".join(chains)
    confidence = load(folder, f"confidence_{STEM}.json")
    assert confidence["chainId"] == [i for i, s in zip(ids, chains, strict=True) for _ in s]
    assert confidence["residueNumber"] == [number for s in chains for number in range(1, len(s) + 1)]
    (pae,) = load(folder, f"pae_{STEM}.json")
    assert [(chain["id"], chain["end"] - chain["start"] + 1) for chain in pae["chains"]] == [
        (i, len(s)) for i, s in zip(ids, chains, strict=True)
    ]
    pdb = (folder / "ranked_0.pdb").read_text()
    assert sorted({line[21] for line in pdb.splitlines() if line.startswith("ATOM")}) == ids
    assert pdb.count("\nTER ") == len(chains)
    assert (folder / f"pae_{STEM}.png").read_bytes().startswith(b"\x89PNG")


def test_iptm_and_the_limits_of_monomer_parameters_are_told(written):
    out, reports = written
    ranking = load(out / "hetero", "ranking_debug.json")
    assert set(ranking) == {"iptm+ptm", "iptm", "ptm", "plddts", "order", "note"}
    assert ranking["iptm+ptm"][STEM] == pytest.approx(0.8 * ranking["iptm"][STEM] + 0.2 * ranking["ptm"][STEM])
    assert "0.8 ipTM + 0.2 pTM" in ranking["note"] and "UNTRAINED" in ranking["note"]
    assert "hetero-complex" in load(out / "hetero", "run.json")["note"]
    assert "homo-oligomer" in load(out / "homo", "run.json")["note"]
    assert "iptm" in reports[0].to_json_dict()["models"][0]


def test_models_without_a_pae_head_are_ranked_by_plddt_and_that_is_told(predictor, dimer, tmp_path):
    (record,) = parse_fasta(">d\nMQIFV:KTLTGYG\n").records
    folder = TargetFolder(
        tmp_path / "d", target_record(run_identity(predictor), record, predictor.collect(record)), overwrite=False
    )
    folder.write_ranking((replace(dimer, iptm=None, ptm=None, pae=None, max_pae=None),))
    ranking = load(tmp_path / "d", "ranking_debug.json")
    assert set(ranking) == {"plddts", "order", "note"} and "ranked by mean pLDDT" in ranking["note"]


def test_a_single_chain_has_none_of_this(written):
    out, reports = written
    folder = out / "single"
    assert set(load(folder, "run.json")["target"]) == {"name", "header", "sequence", "replaced"}
    assert set(load(folder, f"confidence_{STEM}.json")) == {
        "residueNumber", "confidenceScore", "confidenceCategory", "note",
    }  # fmt: skip
    assert set(load(folder, f"pae_{STEM}.json")[0]) == {"predicted_aligned_error", "max_predicted_aligned_error"}
    assert set(load(folder, "ranking_debug.json")) == {"plddts", "order", "note"}
    assert not list(folder.glob("*.png")) and "complex" not in (folder / "run.json").read_text()
    assert "iptm" not in reports[2].to_json_dict()["models"][0]


def test_another_place_of_the_colon_is_another_configuration(predictor, written):
    (report,) = predict_targets(parse_fasta(">hetero\nMQIF:VKTLTGYG\n"), predictor, Request(out_dir=written[0]))
    assert "another configuration" in report.error


def test_without_matplotlib_there_is_no_picture(predictor, tmp_path, monkeypatch):
    monkeypatch.setattr(pae_plot, "available", lambda: False)
    (report,) = predict_targets(parse_fasta(">d\nMQ:KT\n"), predictor, Request(out_dir=tmp_path))
    assert report.error is None and (tmp_path / "d" / f"pae_{STEM}.json").exists()
    assert not list((tmp_path / "d").glob("*.png"))


@pytest.mark.parametrize(
    ("text", "depth"), [(">q\nMQKT\n>r\nMRKT\n", 2), (">q\nMQ\n>r\nMR\n", 2), (">q\nKT\n>r\nKS\n>s\nRT\n", 3)]
)
def test_alignments_of_the_complex_or_of_one_chain(predictor, tmp_path, text, depth):
    (tmp_path / "q.a3m").write_text(text)
    request = Request(out_dir=tmp_path, msa=tmp_path / "q.a3m")
    (report,) = predict_targets(parse_fasta(">d\nMQ:KT\n"), predictor, request)
    assert report.error is None
    with np.load(tmp_path / "d" / "features.npz", allow_pickle=False) as features:
        assert len(features["msa"]) == depth
