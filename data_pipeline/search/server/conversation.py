"""One request after the other, with patience: what passes is tried again after a growing wait, what does not is an error at once."""

import email.utils
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from data_pipeline.parsers.text import quote
from data_pipeline.search.server.errors import (
    BadAnswerError,
    BrokenServerError,
    DamagedArchiveError,
    NotFoundError,
    RateLimitError,
    ServerError,
    UnreachableError,
)
from data_pipeline.search.server.http import Answer, Sink, Transport
from data_pipeline.search.server.timing import Deadline, Waits

FIRST_WAIT, LONGEST_WAIT = 5.0, 60.0  # s
_MAX_FAILURES = 4  # of one request, in sequence
_MAX_JSON = 2**20  # bytes
_TOO_MANY, _OK = 429, 200
_NOT_FOUND = (404, 410)

_T = TypeVar("_T")


class _AgainError(Exception):
    """What may pass: the error to end with, the wait that was asked for (s), and whether the server merely limits its load."""

    def __init__(self, error: ServerError, wait: float = 0.0, *, limited: bool = False) -> None:
        super().__init__(str(error))
        self.error, self.wait, self.limited = error, wait, limited


class Conversation:
    """Requests to one server under one deadline.

    Args:
        transport: how requests travel.
        deadline: when to give up.
        rng: for the random part of waits.
    """

    def __init__(self, transport: Transport, deadline: Deadline, rng: np.random.Generator) -> None:
        self.deadline, self._transport, self._rng = deadline, transport, rng

    def waits(self) -> Waits:
        """Waits for a new series of questions."""
        return Waits(FIRST_WAIT, LONGEST_WAIT, self._rng)

    def post(self, path: str, fields: Mapping[str, str]) -> dict[str, Any]:
        """POST a form, receive a JSON object.

        Raises:
            ServerError: of the kind that fits, see `server/errors.py`.
        """

        def send(sink: Sink) -> Answer:
            return self._transport.post(path, fields, sink, deadline=self.deadline, max_bytes=_MAX_JSON)

        return self._patiently(lambda: self._json(send))

    def get(self, path: str) -> dict[str, Any]:
        """GET a JSON object; see `post`."""

        def send(sink: Sink) -> Answer:
            return self._transport.get(path, sink, deadline=self.deadline, max_bytes=_MAX_JSON)

        return self._patiently(lambda: self._json(send))

    def download(self, path: str, file: Path, max_bytes: int, use: Callable[[Path], _T]) -> _T:
        """GET a file and use it; a damaged one is fetched again. See `post`."""

        def attempt() -> _T:
            with file.open("wb") as sink:
                self._checked(self._transport.get(path, sink, deadline=self.deadline, max_bytes=max_bytes))
            try:
                return use(file)
            except DamagedArchiveError as error:
                raise _AgainError(error) from error

        return self._patiently(attempt)

    def _patiently(self, attempt: Callable[[], _T]) -> _T:
        waits, failures = self.waits(), 0
        while True:
            try:
                return attempt()
            except UnreachableError as error:
                again = _AgainError(error)
            except _AgainError as error:
                again = error
            failures += not again.limited
            if failures >= _MAX_FAILURES:
                raise again.error
            self.deadline.wait(waits.next(again.wait), again.error.found, limited=again.limited)

    def _json(self, send: Callable[[Sink], Answer]) -> dict[str, Any]:
        sink = io.BytesIO()
        self._checked(send(sink))
        try:
            answer: Any = json.loads(sink.getvalue())
        except ValueError as error:
            found = quote(sink.getvalue()[:80].decode("utf-8", "replace"))
            raise _AgainError(BadAnswerError("JSON from the server", found, "check --server-url")) from error
        if not isinstance(answer, dict):
            raise BadAnswerError("a JSON object from the server", type(answer).__name__, "check --server-url")
        return {str(key): value for key, value in answer.items()}

    def _checked(self, answer: Answer) -> None:
        status, expected = answer.status, "an answer with status 200 from the server"
        if status == _OK:
            return
        found = f"status {status}"
        if status == _TOO_MANY or status >= 500:
            kind = RateLimitError if status == _TOO_MANY else BrokenServerError
            error = kind(expected, found, "try again later")
            raise _AgainError(error, self._retry_after(answer), limited=status == _TOO_MANY)
        if 300 <= status < 400:
            found += f", a redirect to {quote(answer.headers.get('location', 'nowhere'), 80)}"
            raise BadAnswerError(expected, found, "give the new address with --server-url if you trust it")
        kind = NotFoundError if status in _NOT_FOUND else BadAnswerError
        raise kind(expected, found, "check --server-url")

    def _retry_after(self, answer: Answer) -> float:
        """Seconds that the server asks to wait: it writes them, or a date; nonsense counts as 0."""
        text = answer.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdecimal():
            return float(text[:9])
        try:
            moment = email.utils.parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        return max(moment.timestamp() - self.deadline.clock.wall(), 0.0)
