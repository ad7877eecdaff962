"""A job from its request to its files: the ticket, the waiting, the download."""

import logging
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data_pipeline.parsers.text import quote
from data_pipeline.search.process import private_folder
from data_pipeline.search.server.archive import read_members
from data_pipeline.search.server.conversation import Conversation
from data_pipeline.search.server.errors import (
    BadAnswerError,
    DamagedArchiveError,
    JobFailedError,
    MaintenanceError,
    NotFoundError,
)
from data_pipeline.search.server.http import Transport, check_contact, check_url
from data_pipeline.search.server.protocol import to_fasta
from data_pipeline.search.server.settings import ServerSettings
from data_pipeline.search.server.tickets import TicketStore, is_ticket
from data_pipeline.search.server.timing import Clock, Deadline

_LOGGER = logging.getLogger("alphafold_lite")
_UNDER_WAY = ("PENDING", "RUNNING", "UNKNOWN", "RATELIMIT")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One request for alignments."""

    path: str  # /ticket/msa or /ticket/pair
    mode: str
    numbered: Mapping[int, str]

    @property
    def fasta(self) -> str:
        """What is sent."""
        return to_fasta(self.numbered)


class JobRunner:
    """Jobs on one server.

    Args:
        settings: address, contact, deadline, limits.
        rng: for the random part of waits.
        clock: where time comes from.
    """

    def __init__(self, settings: ServerSettings, *, rng: np.random.Generator, clock: Clock) -> None:
        self.settings, self._rng, self._clock = settings, rng, clock
        self._url = check_url(settings.url)
        self._transport = Transport(self._url, f"alphafold-lite ({check_contact(settings.contact)})")
        self._tickets = TicketStore(settings.ticket_folder)

    def fetch(self, job: Job, needed: Sequence[str], optional: Sequence[str] = ()) -> tuple[dict[str, bytes], str]:
        """The needed members of a completed job, and its ticket."""
        talk, limits = self.talk(), self.settings.limits
        ticket = self._completed(talk, job)
        try:
            with private_folder() as folder:
                members = talk.download(
                    f"/result/download/{ticket}",
                    folder / "result.tar.gz",
                    limits.download,
                    lambda path: read_members(path, frozenset((*needed, *optional)), limits),
                )
            for name in needed:
                if name not in members:
                    expected = f"{name} in the server's result"
                    raise BadAnswerError(expected, ", ".join(sorted(members)) or "nothing", "try another --server-url")
        except DamagedArchiveError:
            raise  # the ticket stays: a later download may be whole
        except BadAnswerError:
            self.forget(job)
            raise
        return members, ticket

    def _completed(self, talk: Conversation, job: Job) -> str:
        """The ticket, once the server says COMPLETE."""
        ticket, status = self._kept(talk, job) or self._submit(talk, job)
        waits = talk.waits()
        while status in _UNDER_WAY:
            talk.deadline.wait(waits.next(), f"the state {status}", limited=status == "RATELIMIT")
            status = _status(talk.get(f"/ticket/{ticket}"))
        if status == "MAINTENANCE":
            raise _maintenance()
        self._refuse_failure(status, job)
        return ticket

    def _kept(self, talk: Conversation, job: Job) -> tuple[str, str] | None:
        """A ticket of an earlier run that the server still knows, and its state."""
        ticket = self._tickets.load(*self._request(job))
        if ticket is None:
            return None
        _LOGGER.info("going on with a ticket of an earlier run at %s", self._url)
        try:
            status = _status(talk.get(f"/ticket/{ticket}"))
        except NotFoundError:
            status = "UNKNOWN"
        if status in ("UNKNOWN", "ERROR"):
            self.forget(job)
            return None
        return ticket, status

    def _submit(self, talk: Conversation, job: Job) -> tuple[str, str]:
        self._say_that_sequences_leave(job)
        waits = talk.waits()
        while True:
            answer = talk.post(job.path, {"q": job.fasta, "mode": job.mode})
            status, ticket = _status(answer), answer.get("id")
            if status in ("RATELIMIT", "UNKNOWN"):
                talk.deadline.wait(waits.next(), f"the state {status}", limited=status == "RATELIMIT")
                continue
            if status == "MAINTENANCE":
                raise _maintenance()
            if status == "ERROR":
                self._refuse_failure(status, job)
            if not isinstance(ticket, str) or not is_ticket(ticket):
                raise BadAnswerError("a ticket from the server", quote(str(ticket)), "check --server-url")
            self._tickets.save(ticket, *self._request(job))
            return ticket, status

    def _refuse_failure(self, status: str, job: Job) -> None:
        if status == "COMPLETE":
            return
        self.forget(job)
        if status == "ERROR":
            raise JobFailedError(
                "a finished search", "the server's state ERROR", "check the sequences or try again later"
            )
        raise BadAnswerError("a state that the protocol knows", quote(status), "check --server-url")

    def _say_that_sequences_leave(self, job: Job) -> None:
        residues = sum(map(len, job.numbered.values()))
        parts = urllib.parse.urlsplit(self._url)
        plain = " UNENCRYPTED" if parts.scheme == "http" and parts.hostname not in _LOOPBACK else ""
        message = "sending %d sequence(s), %d residues,%s to %s: they leave this machine"
        _LOGGER.warning(message, len(job.numbered), residues, plain, self._url)

    def talk(self) -> Conversation:
        """Requests under a new deadline."""
        allowed = self.settings.deadline
        deadline = Deadline(clock=self._clock, end=self._clock.now() + allowed, allowed=allowed)
        return Conversation(self._transport, deadline, self._rng)

    def _request(self, job: Job) -> tuple[str, str, str, str]:
        return self._url, job.path, job.mode, job.fasta

    def forget(self, job: Job) -> None:
        """Drop the job's ticket."""
        self._tickets.forget(*self._request(job))


def _status(answer: dict[str, object]) -> str:
    status = answer.get("status")
    if not isinstance(status, str):
        raise BadAnswerError("a state from the server", quote(str(status)), "check --server-url")
    return status


def _maintenance() -> MaintenanceError:
    return MaintenanceError("a server at work", "its state MAINTENANCE", "try again later")
