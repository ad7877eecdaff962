import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.training.records import METRICS, Averages, Recorder, Silent, describe, read_metrics


def test_averages_are_over_the_steps_since_the_last_line():
    averages = Averages()
    averages.add({"loss": 1.0}, samples=4, seconds=1.0)
    averages.add({"loss": 3.0}, samples=4, seconds=3.0)
    assert averages.take() == {"loss": 2.0, "samples_per_second": 2.0}
    averages.add({"loss": 5.0}, samples=4, seconds=1.0)
    assert averages.take()["loss"] == 5.0


def test_a_line_cut_off_by_a_crash_is_left_out(tmp_path):
    (tmp_path / METRICS).write_text('{"kind": "step", "step": 1}\n{"kind": "st')
    assert read_metrics(tmp_path) == [{"kind": "step", "step": 1}]
    (tmp_path / METRICS).write_text('{"kind": "st\n{"kind": "step", "step": 1}\n{"kind": "step", "step": 2}\n')
    with pytest.raises(InputError, match="line 1"):
        read_metrics(tmp_path)


def test_resuming_takes_out_later_lines(tmp_path):
    recorder = Recorder(tmp_path, Silent(), resumed_at=0)
    for step in (2, 4, 6):
        recorder.step(step, 2 * step, {"loss": 1 / step, "samples_per_second": 3.0})
    recorder.close()
    Recorder(tmp_path, Silent(), resumed_at=4).close()
    assert [line["step"] for line in read_metrics(tmp_path)] == [2, 4]


def test_a_few_words():
    text = describe({"loss": 1.23456, "samples_per_second": 16.24, "gradient_norm": 0.5})
    assert text == "loss 1.235, 16.2 samples/s, gradient 0.5"
