import importlib.util

import matplotlib.figure
import numpy as np
import pytest

from alphafold_lite.common.chains import chain_spans
from alphafold_lite.outputs.pae_plot import available, pae_png

SPANS = chain_spans(np.repeat([0, 1, 2], [3, 5, 4]))
PAE = np.random.default_rng(0).uniform(0, 31, (12, 12)).astype(np.float32)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are made."""
    kept = []

    class Kept(matplotlib.figure.Figure):
        def __init__(self, *args, **keywords):
            super().__init__(*args, **keywords)
            kept.append(self)

    monkeypatch.setattr(matplotlib.figure, "Figure", Kept)
    return kept


def test_a_picture_with_lines_between_the_chains(drawn):
    assert pae_png(PAE, 31.75, SPANS, title="a").startswith(b"\x89PNG")
    axes = drawn[0].axes[0]
    assert sorted({line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1}) == [3.5, 8.5]
    assert sorted({line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1}) == [3.5, 8.5]
    assert [label.get_text() for label in axes.child_axes[0].get_xticklabels()] == ["A", "B", "C"]
    np.testing.assert_array_equal(axes.images[0].get_array(), PAE)


def test_equal_values_give_equal_bytes():
    assert pae_png(PAE, 31.75, SPANS, title="a") == pae_png(PAE, 31.75, SPANS, title="a")
    assert pae_png(PAE, 31.75, SPANS, title="a") != pae_png(PAE.T, 31.75, SPANS, title="a")


def test_whether_matplotlib_is_there(monkeypatch):
    assert available()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not available()
