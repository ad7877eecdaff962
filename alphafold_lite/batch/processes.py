"""How worker processes are made. Imports nothing heavy."""

import multiprocessing
from multiprocessing import forkserver
from typing import Any

PRELOADED = "alphafold_lite.batch.local"


def process_context() -> Any:
    """Processes forked from a clean one that has imported what is large, where the system has that; else new ones."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    return context


def warm_up() -> None:
    """Let the process that workers are forked from begin to import, while this one does the same."""
    if process_context().get_start_method() == "forkserver":
        forkserver.ensure_running()
