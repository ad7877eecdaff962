"""Tickets that outlive a run, so that a later one goes on instead of searching again."""

import hashlib
import json
import logging
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from alphafold_lite.common.errors import InputError

_LOGGER = logging.getLogger("alphafold_lite")
_TICKET = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9_=.-]{0,199}")  # it becomes a part of addresses


def is_ticket(text: object) -> bool:
    """Whether this can be a ticket's name."""
    return isinstance(text, str) and _TICKET.fullmatch(text) is not None


class TicketStore:
    """One small file a request that is under way.

    Args:
        folder: made when needed; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def load(self, *request: str) -> str | None:
        """The ticket of this very request (address, kind, mode, text), if one is kept."""
        path = self._path(request)
        if path is None or not path.is_file():
            return None
        try:
            kept: Any = json.loads(path.read_text("utf-8"))
            ticket = kept["ticket"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            _LOGGER.warning("a kept server ticket cannot be read and is left out (%s: %s)", path, error)
            return None
        return ticket if is_ticket(ticket) else None

    def save(self, ticket: str, *request: str) -> None:
        """Keep a ticket.

        Raises:
            InputError: the folder cannot be written.
        """
        path = self._path(request)
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False) as stream:
                json.dump({"ticket": ticket, "server": request[0]}, stream)
            os.replace(stream.name, path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(
                f"a folder for tickets that can be written ({path.parent})", reason, "name another"
            ) from error

    def forget(self, *request: str) -> None:
        """Drop a ticket whose result is in hand, or that the server no longer knows."""
        path = self._path(request)
        if path is not None:
            path.unlink(missing_ok=True)

    def _path(self, request: tuple[str, ...]) -> Path | None:
        if self._folder is None:
            return None
        digest = hashlib.sha256("\0".join(request).encode()).hexdigest()
        return self._folder / f"{digest}.json"
