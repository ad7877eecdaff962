"""What can go wrong with a server, by kind."""

from alphafold_lite.common.errors import TargetError


class ServerError(TargetError):
    """The server did not give this query's alignment."""


class UnreachableError(ServerError):
    """No connection, or one that broke off or fell silent."""


class BrokenServerError(ServerError):
    """The server has trouble of its own (status 5xx), time after time."""


class BadAnswerError(ServerError):
    """An answer that the protocol does not know."""


class MaintenanceError(ServerError):
    """The server says that it is being maintained."""


class JobFailedError(ServerError):
    """The server says that the search failed."""


class RateLimitError(ServerError):
    """The server takes no more requests for now, and the deadline lies before it will."""


class DeadlineError(ServerError):
    """The time that the user allowed is over."""


class DamagedArchiveError(BadAnswerError):
    """A result that is truncated or unreadable; another download may help."""


class UnsafeArchiveError(BadAnswerError):
    """A result with paths, links, or more data than is allowed; nothing of it is used."""


class NotFoundError(BadAnswerError):
    """The server does not know this address: a ticket that it has forgotten, or no such server."""
