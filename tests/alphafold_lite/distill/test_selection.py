import io

import pytest

from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.common.errors import InputError
from alphafold_lite.distill.selection import select
from alphafold_lite.distill.settings import DistillSettings, Rules
from data_pipeline.parsers.fasta import read_fasta

LIMITS = Rules(min_length=6, max_length=12)


@pytest.fixture
def selected(tmp_path):
    def call(text, rules=LIMITS):
        (tmp_path / "in.fa").write_text(text)
        batch = BatchSettings(fasta=str(tmp_path / "in.fa"), out_dir=tmp_path / "out")
        names, left_out = select(DistillSettings(batch=batch, rules=rules))
        return names, {name: lost.reason for name, lost in left_out.items()}, tmp_path / "out" / "selected.fasta"

    return call


def test_every_record_is_predicted_or_has_a_reason(selected):
    names, reasons, path = selected(
        ">good a header\nMQIFVKTL\n>short\nMQIFV\n>long\nMQIFVKTLTGKTI\n>bad\nMQ1FVK\n>pair\nMQIFVK:MQIFVK\n>twin\nmqifvktl\n>edge\nMQIFVK\n"
    )
    assert names == ["good", "short", "long", "bad", "pair", "twin", "edge"]
    assert reasons == {
        "short": "5 residues, fewer than 6",
        "long": "13 residues, more than 12",
        "bad": reasons["bad"],
        "pair": "a complex of 2 chains",
        "twin": "the same sequence as good",
    }
    assert reasons["bad"].startswith("expected only residue letters")
    records = read_fasta(path).records
    assert [(record.name, record.sequence) for record in records] == [("good", "MQIFVKTL"), ("edge", "MQIFVK")]
    assert records[0].header == "good good a header"


def test_targets_of_the_batch_have_the_same_names(selected):
    """Although some of the records that their names had to differ from are not there any more."""
    names, reasons, path = selected(">a\nMQ\n>a\nMQIFVKTL\n>A_2\nMQIFVKTLT\n>sp|P1|X\nMQIFVKTLTG\n>-\nMQIFVKTLTGK\n")
    assert [record.name for record in read_fasta(path).records] == [name for name in names if name not in reasons]
    assert names == ["a", "a_2", "A_2_2", "sp_P1_X", "target"]


def test_nothing_to_predict_is_an_error(selected, tmp_path):
    with pytest.raises(InputError, match="none of 2; 2 residues, fewer than 6"):
        selected(">a\nMQ\n>b\nMQI\n")
    assert not (tmp_path / "out" / "selected.fasta").exists()


def test_standard_input_is_read_once(tmp_path, monkeypatch):
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(b">a\nMQIFVKTL\n")))
    monkeypatch.setattr("sys.stdin", stream)
    settings = DistillSettings(batch=BatchSettings(fasta="-", out_dir=tmp_path), rules=LIMITS)
    assert select(settings)[0] == ["a"] and "MQIFVKTL" in (tmp_path / "selected.fasta").read_text()
