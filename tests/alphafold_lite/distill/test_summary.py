import csv
import json

from alphafold_lite.distill.settings import Rules
from alphafold_lite.distill.summary import Row, counts, write_summary

ROWS = (
    Row(target="a", length=9, depth=3, mean_plddt=70.123, mean_confidence=0.61234, confident_share=2 / 3, kept=True),
    Row(
        target="b", length=8, depth=1, mean_plddt=40.0, mean_confidence=0.2, confident_share=0.0, reason="few, and far"
    ),
    Row(target="c", length=2, reason="2 residues, fewer than 5"),
)


def test_both_files_say_the_same(tmp_path):
    write_summary(tmp_path, ROWS, Rules(min_length=5), facts={"reference_sequences": 7})
    with (tmp_path / "summary.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    content = json.loads((tmp_path / "summary.json").read_text())
    assert content["counts"] == counts(ROWS) == {"sequences": 3, "predicted": 2, "kept": 1}
    assert content["reference_sequences"] == 7
    assert content["rules"]["threshold"] == 0.5 and content["rules"]["full_weight_from"] == 1.0
    assert [row["target"] for row in rows] == [row["target"] for row in content["targets"]] == ["a", "b", "c"]
    assert (rows[0]["mean_confidence"], rows[0]["confident_share"], rows[0]["kept"]) == ("0.6123", "0.6667", "True")
    assert rows[1]["reason"] == content["targets"][1]["reason"] == "few, and far"
    assert rows[2]["depth"] == "" and content["targets"][2]["depth"] is None
