"""Time for the client: a clock that tests replace, a deadline, and waits that grow."""

import time
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from data_pipeline.search.server.errors import DeadlineError, RateLimitError


@runtime_checkable
class Clock(Protocol):
    """Where time comes from and how it is spent."""

    def now(self) -> float:
        """Seconds from some start, never going back."""
        ...

    def wall(self) -> float:
        """Seconds since 1970."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds from some start, never going back."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class Deadline:
    """The end of the user's patience."""

    clock: Clock
    end: float  # in the clock's seconds
    allowed: float  # s, for messages

    def remaining(self) -> float:
        """Seconds left.

        Raises:
            DeadlineError: none are.
        """
        left = self.end - self.clock.now()
        if left <= 0:
            raise self.passed("no answer")
        return left

    def wait(self, seconds: float, reason: str, *, limited: bool = False) -> None:
        """Wait, unless the deadline comes first.

        Raises:
            RateLimitError, DeadlineError: it does; the former where the server asked for the wait (`limited`).
        """
        if seconds >= self.remaining():
            if limited:
                action = "try again later"
                raise RateLimitError("a server that takes requests", f"{reason}, wait {seconds:.0f} s", action)
            raise self.passed(reason)
        self.clock.sleep(seconds)

    def passed(self, reason: str) -> DeadlineError:
        """The error for its end."""
        action = "run the same command again later: a kept ticket goes on where it stopped"
        return DeadlineError(f"a result from the server within {self.allowed:g} s", reason, action)


class Waits:
    """Waits that grow by half each time, each with up to its own length added at random so that clients do not march in step."""

    def __init__(self, first: float, longest: float, rng: np.random.Generator) -> None:
        self._next, self._longest, self._rng = first, longest, rng

    def next(self, at_least: float = 0.0) -> float:
        """The next wait, s."""
        base = max(self._next, at_least)
        self._next = min(self._next * 1.5, self._longest)
        return base + float(self._rng.uniform(0.0, min(base, self._longest)))
