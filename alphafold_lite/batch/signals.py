"""SIGINT and SIGTERM as a count that a loop looks at."""

import logging
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

log = logging.getLogger("alphafold_lite")


@contextmanager
def counted_signals() -> Generator[list[int]]:
    """What came of SIGINT and SIGTERM: one finishes what is in hand, two stop at once."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if len(received) == 1:
            log.warning("interrupted: what is in hand is finished; interrupt again to stop now")

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
