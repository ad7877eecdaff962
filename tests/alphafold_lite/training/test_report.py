import json

from alphafold_lite.training.records import METRICS
from alphafold_lite.training.report import PLOT, smoothed, write_plot


def test_a_run_becomes_a_picture(tmp_path):
    lines = [{"kind": "step", "step": s, "samples": 4 * s, "loss": 5 / s, "distogram": 4 / s} for s in range(1, 60)]
    lines += [{"kind": "validation", "step": 30, "samples": 120, "lddt_ca": 0.3, "tm": 0.2, "template_tm": 0.6}]
    (tmp_path / METRICS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_plot(tmp_path)
    content = (tmp_path / PLOT).read_bytes()
    assert content.startswith(b"\x89PNG") and len(content) > 20_000


def test_nothing_is_drawn_of_nothing(tmp_path):
    write_plot(tmp_path)
    assert not (tmp_path / PLOT).exists()


def test_smoothing_is_a_running_mean():
    assert smoothed([1.0, 2.0, 6.0], share=0.5) == [1.0, 2.0, 6.0]
    assert smoothed([1.0, 3.0, 5.0, 7.0], share=0.5) == [1.0, 2.0, 4.0, 6.0]
