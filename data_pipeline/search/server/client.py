"""The server as an engine: one ticket for many sequences, waited for with patience, its result checked before it is handed on."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.parsers.text import quote
from data_pipeline.search.base import Query, SearchRecord, SearchResult
from data_pipeline.search.files import as_result
from data_pipeline.search.process import private_folder
from data_pipeline.search.server import protocol
from data_pipeline.search.server.archive import read_members
from data_pipeline.search.server.errors import BadAnswerError
from data_pipeline.search.server.http import check_url
from data_pipeline.search.server.jobs import Job, JobRunner
from data_pipeline.search.server.settings import PairMode, ServerSettings
from data_pipeline.search.server.timing import Clock, SystemClock

_PROTOCOL = "ticket protocol"
_CHAIN = re.compile(r"[0-9A-Za-z]{4}_[0-9A-Za-z]{1,4}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerAnswer:
    """What one ticket gave, in the order of the queries."""

    results: tuple[SearchResult, ...]
    template_hits: tuple[tuple[protocol.ServerTemplateHit, ...], ...] = field(default=())


class MsaServer:
    """A ColabFold MSA server. Says (as a warning) before sequences leave the machine.

    Args:
        settings: address, contact, mode, deadline.
        rng: for the random part of waits.
        clock: the machine's, unless a test brings its own.
    """

    name = "server"
    version = _PROTOCOL

    def __init__(
        self,
        settings: ServerSettings,
        *,
        rng: np.random.Generator,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings
        self._url, self._clock = check_url(settings.url), clock or SystemClock()
        self._jobs = JobRunner(settings, rng=rng, clock=self._clock)

    @property
    def database(self) -> str:
        """The server's address."""
        return self._url

    @property
    def database_version(self) -> str:
        """The server does not tell which databases it has: prune the cache to search them anew."""
        return f"{self._url} (version not told)"

    @property
    def options(self) -> dict[str, object]:
        """What changes the result."""
        return {"mode": self.settings.mode}

    def run(self, query: Query) -> SearchResult:
        """The alignment of one query; `search` takes many with one ticket.

        Raises:
            TargetError: one of `server/errors.py`.
        """
        return self.search((query,)).results[0]

    def search(self, queries: Sequence[Query]) -> ServerAnswer:
        """Alignments of all queries by one ticket, and what the server found among structures.

        Raises:
            ServerError: of the kind that fits; a ticket that is under way is kept for the next run.
            InputError: no query.
        """
        job = Job(path="/ticket/msa", mode=self.settings.mode, numbered=self._numbered(queries))
        with_environment = self.settings.mode.startswith("env")
        needed = (protocol.UNIREF, protocol.ENVIRONMENT) if with_environment else (protocol.UNIREF,)
        start = self._clock.now()
        members, ticket = self._jobs.fetch(job, needed, optional=(protocol.TEMPLATES,))
        try:
            rows = _joined_rows(members, needed, job)
            hits = protocol.parse_template_hits(members.get(protocol.TEMPLATES, b""), job.numbered)
        finally:
            self._jobs.forget(job)  # done, or of no use to a later run
        numbers = {sequence: number for number, sequence in job.numbered.items()}
        order = [numbers[query.sequence] for query in queries]
        seconds = self._clock.now() - start
        results = [
            self._result(rows[number], query, job, ticket, seconds)
            for number, query in zip(order, queries, strict=True)
        ]
        return ServerAnswer(results=tuple(results), template_hits=tuple(hits[number] for number in order))

    def search_paired(self, queries: Sequence[Query], mode: PairMode = "pairgreedy") -> tuple[SearchResult, ...]:
        """Alignments of the distinct chains of one complex whose rows belong together: row i of one with row i of all others.

        Raises:
            ServerError: of the kind that fits.
            InputError: fewer than two distinct sequences, or one twice.
        """
        numbered = self._numbered(queries)
        if len(numbered) < 2 or len(numbered) != len(queries):
            found = f"{len(queries)} queries with {len(numbered)} distinct sequences"
            raise InputError("two or more distinct sequences to be paired", found, "give each chain's sequence once")
        job = Job(path="/ticket/pair", mode=mode, numbered=numbered)
        start = self._clock.now()
        members, ticket = self._jobs.fetch(job, (protocol.PAIRED,))
        try:
            blocks = protocol.parse_blocks(members[protocol.PAIRED], numbered, source=protocol.PAIRED)
            _complete(blocks, job, protocol.PAIRED)
            depths = {len(alignment.sequences) for alignment in blocks.values()}
            if len(depths) != 1:
                found = f"{sorted(depths)} rows"
                raise BadAnswerError(
                    "as many paired rows for each chain", found, "report this to the server's operator"
                )
        finally:
            self._jobs.forget(job)
        seconds = self._clock.now() - start
        return tuple(
            self._result(blocks[number], query, job, ticket, seconds)
            for number, query in zip(numbered, queries, strict=True)
        )

    def fetch_structures(self, chains: Sequence[str]) -> dict[str, bytes]:
        """The mmCIF files of chains such as "1abc_A" that the server has, by entry in lower case; unread, to be parsed with care.

        Raises:
            ServerError: of the kind that fits.
            InputError: a chain of another form.
        """
        for chain in chains:
            if not _CHAIN.fullmatch(chain):
                raise InputError("chains such as 1abc_A", quote(chain), "leave it out")
        entries = list(dict.fromkeys(chain[:4].lower() for chain in chains))
        names = frozenset(f"{entry}.cif" for entry in entries)
        talk, limits = self._jobs.talk(), self.settings.limits
        with private_folder() as folder:
            members = talk.download(
                f"/template/{','.join(chains)}",
                folder / "structures.tar.gz",
                limits.download,
                lambda path: read_members(path, names, limits),
            )
        return {entry: members[f"{entry}.cif"] for entry in entries if f"{entry}.cif" in members}

    def _numbered(self, queries: Sequence[Query]) -> dict[int, str]:
        if not queries:
            raise InputError("a query for the server", "none", "give at least one")
        return protocol.number_sequences(queries)

    def _result(self, alignment: Alignment, query: Query, job: Job, ticket: str, seconds: float) -> SearchResult:
        return SearchResult(
            alignment=as_result(alignment, self.name, query),
            record=SearchRecord(
                engine=self.name,
                version=self.version,
                database=self.database,
                database_version=self.database_version,
                seconds=seconds,
                command=("POST", f"{self._url}{job.path}", f"mode={job.mode}", f"ticket={ticket}"),
                num_hits=len(alignment.sequences) - 1,
                options={"mode": job.mode},
            ),
        )


def _joined_rows(members: Mapping[str, bytes], names: Sequence[str], job: Job) -> dict[int, Alignment]:
    """One alignment a query from all files; only the first must have a block for each query."""
    first, *others = (protocol.parse_blocks(members[name], job.numbered, source=name) for name in names)
    _complete(first, job, names[0])
    return {
        number: protocol.join_alignments(alignment, *(blocks[number] for blocks in others if number in blocks))
        for number, alignment in first.items()
    }


def _complete(blocks: dict[int, Alignment], job: Job, name: str) -> None:
    absent = [str(number) for number in job.numbered if number not in blocks]
    if absent:
        found = f"none for {', '.join(absent)}"
        raise BadAnswerError(f"a block for each query in the server's {name}", found, "try again later")
