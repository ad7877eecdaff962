"""HTTP by the standard library, with limits on time and size that a slow or endless answer cannot stretch. Redirects are not followed."""

import http.client
import io
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.text import quote
from data_pipeline.search.server.errors import BadAnswerError, UnreachableError
from data_pipeline.search.server.timing import Deadline

_CHUNK = 2**16
_SILENCE = 60.0  # s without a byte
_MAX_CONTACT = 200


@runtime_checkable
class Sink(Protocol):
    """Where a body goes."""

    def write(self, data: bytes, /) -> int:
        """Take the next bytes."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Status and headers (names in lower case); the body is in the sink that was given, for status 200 only."""

    status: int
    headers: Mapping[str, str]


def check_url(url: str) -> str:
    """The server's address without a final slash.

    Raises:
        InputError: anything but `http(s)://HOST[:PORT][/PATH]`.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable, parts = False, urllib.parse.urlsplit("")
    if not usable or parts.username or parts.password or parts.query or parts.fragment or not url.isascii():
        raise InputError(
            "a server address such as https://HOST/PATH, without user or query", quote(url), "correct --server-url"
        )
    return url.rstrip("/")


def check_contact(contact: str) -> str:
    """Whom the server's operator can write to, as the user gave it.

    Raises:
        InputError: none, or characters that no header may have.
    """
    if not contact.strip() or len(contact) > _MAX_CONTACT or not (contact.isascii() and contact.isprintable()):
        expected = "a contact (e-mail or web address) for the server's operator"
        raise InputError(expected, quote(contact), "give one, in printable ASCII")
    return contact.strip()


class Transport:
    """Requests to one server.

    Args:
        url: see `check_url`.
        user_agent: sent with each request.
        silence: s; longest pause within an answer.
    """

    def __init__(self, url: str, user_agent: str, *, silence: float = _SILENCE) -> None:
        self._url, self._agent, self._silence = url, user_agent, silence

    def get(self, path: str, sink: Sink, *, deadline: Deadline, max_bytes: int) -> Answer:
        """GET; the body goes to `sink`.

        Raises:
            UnreachableError: no answer, or one that broke off.
            BadAnswerError: a body of more than `max_bytes`.
            DeadlineError: time is over.
        """
        return self._send(urllib.request.Request(self._url + path), sink, deadline, max_bytes)

    def post(self, path: str, fields: Mapping[str, str], sink: Sink, *, deadline: Deadline, max_bytes: int) -> Answer:
        """POST of form fields; see `get`."""
        data = urllib.parse.urlencode(fields).encode("ascii")
        return self._send(urllib.request.Request(self._url + path, data=data), sink, deadline, max_bytes)

    def _send(self, request: urllib.request.Request, sink: Sink, deadline: Deadline, max_bytes: int) -> Answer:
        request.add_header("User-Agent", self._agent)

        def limit() -> float:
            return min(self._silence, deadline.remaining())

        opener = urllib.request.build_opener(_NoRedirect, _PlainHandler(limit), _SecureHandler(limit))
        try:
            with opener.open(request, timeout=limit()) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                _copy(response, sink, max_bytes, headers.get("content-length"))
                return Answer(status=response.status, headers=headers)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(status=error.code, headers={name.lower(): value for name, value in error.headers.items()})
        except (OSError, http.client.HTTPException, ValueError) as error:
            deadline.remaining()  # where that is the reason, say so
            reason = f"{type(error).__name__}: {error}"
            host = urllib.parse.urlsplit(self._url).netloc
            raise UnreachableError(f"an answer from {host}", reason, "check the address and the connection") from error


def _copy(response: Any, sink: Sink, max_bytes: int, announced: str | None) -> None:
    size = 0
    while chunk := response.read(_CHUNK):
        size += len(chunk)
        if size > max_bytes:
            raise BadAnswerError(
                f"an answer of at most {max_bytes} bytes", "more", "report this to the server's operator"
            )
        sink.write(chunk)
    if announced is not None and announced.isdecimal() and int(announced) != size:
        raise http.client.IncompleteRead(b"", int(announced) - size)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Sequences go to the host that the user named and to no other."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Never."""
        return


class _LimitedReader(io.RawIOBase):
    """A socket's bytes, each wait for which ends when the limit says so: also for headers that drip in."""

    def __init__(self, connection: socket.socket, raw: Any, limit: Callable[[], float]) -> None:
        self._connection, self._raw, self._limit = connection, raw, limit

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """What is there, or what comes within the limit."""
        self._connection.settimeout(self._limit())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Close the socket's file too."""
        self._raw.close()
        super().close()


def _connect(kind: type[http.client.HTTPConnection], limit: Callable[[], float]) -> Any:
    """A maker of connections whose answers are read under the limit."""

    def limited_response(connection: socket.socket, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
        response = http.client.HTTPResponse(connection, *args, **kwargs)
        raw = response.fp.detach()  # type: ignore[union-attr]
        response.fp = io.BufferedReader(_LimitedReader(connection, raw, limit))
        return response

    def make(host: str, **kwargs: Any) -> http.client.HTTPConnection:
        connection: Any = kind(host, **kwargs)
        connection.response_class = limited_response
        return connection

    return make


class _PlainHandler(urllib.request.HTTPHandler):
    def __init__(self, limit: Callable[[], float]) -> None:
        super().__init__()
        self._limit = limit

    def http_open(self, req: urllib.request.Request) -> Any:
        """Open a plain connection."""
        return self.do_open(_connect(http.client.HTTPConnection, self._limit), req)


class _SecureHandler(urllib.request.HTTPSHandler):
    def __init__(self, limit: Callable[[], float]) -> None:
        super().__init__()
        self._limit = limit

    def https_open(self, req: urllib.request.Request) -> Any:
        """Open a connection whose certificate is checked."""
        make = _connect(http.client.HTTPSConnection, self._limit)
        return self.do_open(make, req, context=ssl.create_default_context())
