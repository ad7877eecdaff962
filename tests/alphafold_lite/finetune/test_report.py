import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from alphafold_lite.finetune.compare import ChainAccuracy, compare
from alphafold_lite.finetune.curve import line_chart
from alphafold_lite.finetune.prepare import Prepared
from alphafold_lite.finetune.report import Outcome, notes_of, summary_html, summary_json, table_lines
from alphafold_lite.finetune.settings import FinetuneSettings, SplitSettings


def accuracies(values, clusters=None):
    clusters = clusters or range(len(values))
    return [
        ChainAccuracy(id=f"<{i}>_A", cluster=c, length=50, lddt_ca=v, tm=v / 2)
        for i, (v, c) in enumerate(zip(values, clusters, strict=True))
    ]


def outcome(comparison, **more):
    prepared = Prepared(
        folder=Path("out/data"), num_files=9, num_training=5, num_validation=3, num_clusters=4, num_rejected=2,
        reasons={"length": 1, "unreadable": 1}, has_hits=True, fingerprint="0",
    )  # fmt: skip
    lines = [{"kind": "step", "step": s, "samples": 4 * s, "loss": 5.0 / s} for s in range(1, 6)]
    lines += [{"kind": "validation", "step": 5, "samples": 20, "homologue_lddt_ca": 0.4}]
    values = {
        "model": "m<b>.safetensors", "start": "lite", "settings": FinetuneSettings(structures="d", params="lite"),
        "prepared": prepared, "steps": 5, "num_learning": 10, "num_parameters": 1000, "metrics": lines,
        "comparison": comparison, "caution": "",
    }  # fmt: skip
    return Outcome(**values | more)


def test_differences_are_paired():
    """Chains differ by far more than before and after do: the interval of the difference is narrow."""
    before = [0.2, 0.4, 0.6, 0.8]
    found = compare(accuracies(before), accuracies([v + 0.05 for v in before])).intervals("lddt_ca")
    assert found["difference"].value == pytest.approx(0.05)
    assert found["difference"].low == pytest.approx(0.05) and found["difference"].high == pytest.approx(0.05)
    assert found["before"].high - found["before"].low > 0.2


def test_clusters_are_drawn_as_wholes_and_a_single_one_by_chains():
    several = compare(accuracies([0.1, 0.1, 0.9], [0, 0, 1]), accuracies([0.1, 0.1, 0.9], [0, 0, 1]))
    single = compare(accuracies([0.1, 0.5, 0.9], [3, 3, 3]), accuracies([0.2, 0.6, 1.0], [3, 3, 3]))
    assert (several.over, single.over) == ("clusters", "chains")
    assert single.intervals("lddt_ca")["difference"].low == pytest.approx(0.1)
    assert "one cluster" in notes_of(outcome(single))[0]


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "line"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag != "line":
            assert self.open.pop() == tag


def test_the_page_stands_alone_and_holds_the_figures():
    page = summary_html(outcome(compare(accuracies([0.3, 0.5]), accuracies([0.4, 0.6]))))
    parser = Page()
    parser.feed(page)
    assert parser.open == []
    assert not re.search(r"https?://|<script|<img|<link", page)
    assert "0.400" in page and "0.500" in page and "0.100" in page and "length" in page
    (line,) = [attrs for tag, attrs in parser.tags if tag == "polyline"]  # the loss; one validation is no line
    assert len(line["points"].split()) == 5
    assert "<b>" not in page and "&lt;0&gt;_A" in page  # names are text


def test_the_json_has_every_chain_and_what_to_know():
    settings = FinetuneSettings(structures="d", params="lite", split=SplitSettings(names="x.txt"))
    made = outcome(compare(accuracies([0.3, 0.5]), accuracies([0.4, 0.6])), caution="Weak.", settings=settings)
    found = json.loads(summary_json(made))
    assert found["validation"]["lddt_ca"]["after"]["value"] == pytest.approx(0.5)
    assert [c["after"] for c in found["validation"]["lddt_ca_of_chains"]] == [0.4, 0.6]
    assert "Weak." in found["notes"] and any("named by the user" in note for note in found["notes"])
    assert found["settings"]["split"]["names"] == "x.txt"


def test_without_validation_the_summary_says_so():
    made = outcome(None)
    assert "nothing is known" in notes_of(made)[0] and "nothing is known" in summary_html(made)
    assert json.loads(summary_json(made))["validation"] is None


def test_the_table_for_a_terminal():
    lines = table_lines(compare(accuracies([0.3, 0.5]), accuracies([0.4, 0.6])))
    assert "0.100 (0.100 to 0.100)" in lines[1] and lines[2].startswith("tm")
    fallen = table_lines(compare(accuracies([0.3, 0.5]), accuracies([0.2, 0.3])))[1]
    assert "-0.150 (-0.200 to -0.100)" in fallen and fallen.count("  -") == 1  # stands clear of the column before


def test_a_curve_goes_up_where_values_do():
    points = re.search(r'points="([^"]+)"', line_chart([(0, 1.0), (10, 2.0), (20, 4.0)], x="step", y="loss"))[1]
    places = [tuple(map(float, pair.split(","))) for pair in points.split()]
    assert places[0][0] < places[1][0] < places[2][0] and places[0][1] > places[1][1] > places[2][1]
    assert line_chart([(0, 1.0)], x="step", y="loss") == ""
    assert "nan" not in line_chart([(0, 1.0), (1, 1.0)], x="step", y="loss")
