"""Tests that read the shared reference set and data are left out, or skipped one by one where they read it through support code, and said to
be, where these are not beside the checkout.

The parity tests on `tests/golden/reference` are never left out.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

# As the programs do, before torch is there: workers of the tests share the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest

from tests.support.reference import REFERENCE

# A job started in the background inherits an ignored SIGINT; tests of Ctrl-C, and the processes they start, need the usual one.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _arithmetic() -> Iterator[None]:
    """Training flushes subnormal numbers to zero and workers take fewer threads, for the whole process; other tests must not feel that."""
    torch = sys.modules.get("torch")
    threads = torch and torch.get_num_threads()
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)
        if threads and torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out a test file that names REFERENCE when there is none."""
    if REFERENCE.is_dir() or collection_path.suffix != ".py" or not collection_path.name.startswith("test_"):
        return None
    return "REFERENCE" in collection_path.read_text("utf-8") or None


def pytest_report_header() -> str:
    """Say which set is used."""
    if REFERENCE.is_dir():
        return "shared reference set: found"
    return (
        "shared reference set: NOT FOUND; tests that read it are left out (set ALPHAFOLD_LITE_REFERENCE to its folder)"
    )
