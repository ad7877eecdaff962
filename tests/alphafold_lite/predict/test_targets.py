import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.predict.targets import Request, exit_code, predict_targets
from data_pipeline.parsers.a3m import a3m_text, parse_a3m
from data_pipeline.parsers.fasta import parse_fasta


@pytest.mark.parametrize(("codes", "expected"), [
    ([], 0), ([0, 0], 0), ([0, 2], 3), ([2], 2), ([2, 2], 2), ([2, 4], 3), ([1], 1), ([0, 1], 3), ([3], 3),
])  # fmt: skip
def test_exit_codes_of_many_targets(codes, expected):
    assert exit_code(codes) == expected


def test_targets_are_reported_as_they_are_done_in_file_order(predictor, tmp_path):
    reading = parse_fasta(">a\nMQIFV\n>bad\nM1\n>c\nKTITL\n")
    reports = predict_targets(reading, predictor, Request(out_dir=tmp_path))
    first = next(reports)
    assert first.name == "a" and not (tmp_path / "c").exists()
    assert [report.name for report in reports] == ["bad", "c"]
    assert first.to_json_dict()["models"][0]["name"] == first.results[0].stem


def test_an_alignment_beside_several_records(predictor, tmp_path):
    reading = parse_fasta(">a\nMQIFV\n>c\nKTITL\n")
    with pytest.raises(InputError, match="2 records"):
        next(predict_targets(reading, predictor, Request(out_dir=tmp_path, msa=tmp_path / "a.a3m")))


def test_an_interrupted_target_leaves_whole_files_and_its_configuration(predictor, tmp_path, monkeypatch):
    monkeypatch.setattr(predictor, "relax", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        next(predict_targets(parse_fasta(">a\nMQIFV\n"), predictor, Request(out_dir=tmp_path)))
    left = {path.name for path in (tmp_path / "a").iterdir()}
    assert {"run.json", "unrelaxed_untrained_tiny_pred_0.pdb", "confidence_untrained_tiny_pred_0.json"} <= left
    assert not any(name.startswith((".", "ranked_")) for name in left)


def test_a3m_text_keeps_columns_and_deletions():
    text = ">q\nMQIFV\n>a\naaM-IFccV\n>b\nMQ--V\n"
    alignment = parse_a3m(text)
    again = parse_a3m(a3m_text(alignment))
    assert again.sequences == alignment.sequences and again.descriptions == alignment.descriptions
    assert (again.deletion_matrix == alignment.deletion_matrix).all()
