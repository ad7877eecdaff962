"""The index in ARCHITECTURE.md names every algorithm of the supplement and leads to code that names it back."""

import importlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NUM_ALGORITHMS = 32
ROW = re.compile(r"^\| (\d+) \| \w+ \| (.+) \|$", re.MULTILINE)


def index():
    text = (ROOT / "alphafold_lite" / "ARCHITECTURE.md").read_text("utf-8")
    return {int(number): re.findall(r"`([\w.]+)`", places) for number, places in ROW.findall(text)}


def resolve(path):
    """The object a dotted path leads to, and its module."""
    parts = (path if path.startswith("data_pipeline.") else f"alphafold_lite.{path}").split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        found = module
        for name in parts[cut:]:
            found = getattr(found, name)
        return found, sys.modules[module.__name__]
    raise ModuleNotFoundError(path)


def cited(text):
    """Algorithm numbers in a docstring: `Alg. 7, 8`, `Alg. 10-14`, `Alg. 6 and 18`."""
    numbers = set()
    for group in re.findall(r"Alg\. ([\d ,;and-]+(?:Alg\. )?)", text):
        for first, last in re.findall(r"(\d+)(?:-(\d+))?", group):
            numbers |= set(range(int(first), int(last or first) + 1))
    return numbers


def test_every_algorithm_is_listed_once():
    assert sorted(index()) == list(range(1, NUM_ALGORITHMS + 1))
    assert all(index().values())


@pytest.mark.parametrize("number", range(1, NUM_ALGORITHMS + 1))
def test_the_entry_leads_to_code_that_cites_the_algorithm(number):
    for path in index()[number]:
        found, module = resolve(path)
        assert callable(found)
        texts = (found.__doc__ or "", module.__doc__ or "")
        assert any(number in cited(text) for text in texts), f"{path} does not cite Alg. {number}"
