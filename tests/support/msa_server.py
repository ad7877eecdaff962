"""A server on 127.0.0.1 that speaks the protocol of ColabFold's MSA server, and misbehaves on request."""

import gzip
import io
import json
import tarfile
import threading
import time
import urllib.parse
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DRIP = 0.02  # s a byte


@dataclass(kw_only=True, slots=True)
class Seen:
    """One request as it came in."""

    method: str
    path: str
    fields: dict[str, str]
    agent: str


@dataclass(kw_only=True, slots=True)
class MsaTestServer:
    """What the server does and what it has seen."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    pending: int = 1  # polls before COMPLETE
    status: str = "PENDING"  # until then
    ticket: str = "Ticket-1_x="
    faults: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))  # by kind of request
    members: dict[str, bytes] | None = None  # of the result; None: what fits the queries
    archive: bytes | None = None  # the whole result; None: the members
    known: bool = True  # whether it still knows its tickets
    queries: dict[int, str] = field(default_factory=dict)

    def fail(self, kind: str, *faults: str) -> None:
        """The next requests of a kind (submit, poll, download, template) are answered so."""
        self.faults[kind].extend(faults)

    def paths(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.seen]


class FakeClock:
    """Time that passes only in `sleep`."""

    def __init__(self) -> None:
        self.time, self.slept = 1000.0, list[float]()

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return 1.7e9 + self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def blocks(queries: dict[int, str], relative: str) -> bytes:
    """For each query a block of itself and one relative whose first residue is gone and that has one more."""
    texts = [
        f">{number}\n{sequence}\n>{relative}_{number}\t90\t0.5\n-{sequence[1]}a{sequence[2:]}\n\0"
        for number, sequence in queries.items()
    ]
    return "".join(texts).encode()


def template_lines(queries: dict[int, str]) -> bytes:
    lines = [f"{n}\t1abc_A\t0.41\t60\t30\t1\t1\t60\t3\t61\t1e-20\t200\t60M\n" for n in queries]
    return "".join(lines).encode()


def whole_result(queries: dict[int, str]) -> dict[str, bytes]:
    return {
        "uniref.a3m": blocks(queries, "UniRef"),
        "bfd.mgnify30.metaeuk30.smag30.a3m": blocks(queries, "Env"),
        "pdb70.m8": template_lines(queries),
        "msa.sh": b"#!/bin/sh\n",
        "pair.a3m": blocks(queries, "Pair"),
    }


def pack(members: dict[str, bytes], *extra: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A tar.gz of the members and of anything else."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info, data in extra:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def bomb(name: str, megabytes: int) -> bytes:
    """A small tar.gz with a large member."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = megabytes * 2**20
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    return gzip.compress(stream.getvalue(), 9)


@contextmanager
def running_server() -> Iterator[MsaTestServer]:
    """A server for the time of a test."""
    state = MsaTestServer()

    class Handler(_Handler):
        server_state = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    server_state: MsaTestServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("content-length", 0)))
        fields = dict(urllib.parse.parse_qsl(data.decode()))
        state = self._note("POST", fields)
        if self._misbehaved("submit"):
            return
        records = [record.split("\n") for record in fields["q"].split(">")[1:]]
        state.queries = {int(record[0]): record[1] for record in records}
        self._json({"id": state.ticket, "status": state.status if state.pending else "COMPLETE"})

    def do_GET(self) -> None:
        state = self._note("GET", {})
        kind = self.path.split("/")[1]
        kind = {"ticket": "poll", "result": "download", "template": "template"}.get(kind, "other")
        if self._misbehaved(kind):
            return
        if kind == "template":
            entries = self.path.rpartition("/")[2].split(",")
            self._send(200, pack({f"{entry[:4]}.cif": b"data_" + entry.encode() for entry in entries}))
        elif not state.known or kind == "other" or state.ticket not in self.path:
            self._send(404, b"not found")
        elif kind == "poll":
            state.pending -= 1
            self._json({"id": state.ticket, "status": state.status if state.pending >= 0 else "COMPLETE"})
        else:
            members = whole_result(state.queries) if state.members is None else state.members
            self._send(200, state.archive if state.archive is not None else pack(members))

    def _note(self, method: str, fields: dict[str, str]) -> MsaTestServer:
        seen = Seen(method=method, path=self.path, fields=fields, agent=self.headers.get("user-agent", ""))
        self.server_state.seen.append(seen)
        return self.server_state

    def _misbehaved(self, kind: str) -> bool:
        faults = self.server_state.faults[kind]
        if not faults:
            return False
        name, _, value = faults.popleft().partition(" ")
        if name in ("RATELIMIT", "MAINTENANCE", "ERROR", "UNKNOWN", "RUNNING", "NONSENSE"):
            self._json({"id": self.server_state.ticket, "status": name})
        elif name == "status":
            self._send(int(value), b"<html>trouble</html>", {"Content-Type": "text/html"})
        elif name == "429":
            self._send(429, b"", {"Retry-After": value} if value else {})
        elif name == "redirect":
            self._send(302, b"", {"Location": value})
        elif name == "body":
            self._send(200, value.encode())
        elif name == "drip":
            self._drip(b"HTTP/1.1 200 OK\r\n\r\n" if value == "body" else b"")
        elif name == "short":
            self._send(200, b"{}", {"Content-Length": "1000"})
        elif name == "large":
            self._send(200, b" " * int(value))
        else:
            raise AssertionError(f"no such fault: {name}")
        return True

    def _drip(self, start: bytes) -> None:
        """A byte at a time, without end: of a header where nothing came before."""
        try:
            self.wfile.write(start or b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while True:
                self.wfile.write(b"x")
                time.sleep(DRIP)
        except OSError:
            self.close_connection = True  # the client has had enough

    def _json(self, value: dict[str, Any]) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        headers = {"Content-Length": str(len(data)), "Connection": "close", **(headers or {})}
        self.close_connection = True
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""
