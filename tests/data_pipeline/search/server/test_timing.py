"""Waits and deadlines, without waiting."""

import numpy as np
import pytest

from data_pipeline.search.server.errors import DeadlineError, RateLimitError
from data_pipeline.search.server.timing import Deadline, Waits
from tests.support.msa_server import FakeClock


def test_waits_grow_to_their_limit_and_differ():
    waits = Waits(5.0, 30.0, np.random.default_rng(0))
    bases = [5.0, 7.5, 11.25, 16.875, 25.3125, 30.0, 30.0]
    found = [waits.next() for _ in bases]
    assert all(base <= wait <= 2 * base for base, wait in zip(bases, found, strict=True))
    assert len({wait / base for base, wait in zip(bases, found, strict=True)}) == len(bases)
    assert found != [Waits(5.0, 30.0, np.random.default_rng(1)).next() for _ in bases]


def test_what_the_server_asks_for_is_the_least():
    waits = Waits(5.0, 30.0, np.random.default_rng(0))
    assert 100 <= waits.next(100.0) <= 130 and waits.next() < 20


def test_nobody_waits_past_the_deadline():
    clock = FakeClock()
    deadline = Deadline(clock=clock, end=clock.now() + 10.0, allowed=10.0)
    deadline.wait(9.0, "the state PENDING")
    assert deadline.remaining() == pytest.approx(1)
    with pytest.raises(DeadlineError, match="within 10 s, found the state PENDING"):
        deadline.wait(2.0, "the state PENDING")
    with pytest.raises(RateLimitError, match="wait 2 s"):
        deadline.wait(2.0, "status 429", limited=True)
    assert clock.slept == [9]
    clock.sleep(1.0)
    with pytest.raises(DeadlineError):
        deadline.remaining()
