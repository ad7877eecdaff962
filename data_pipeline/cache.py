"""Results of searches, kept by what was searched with what: sequence, engine, its settings and the version of its database."""

import fcntl
import hashlib
import json
import logging
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from alphafold_lite.common.errors import InputError
from data_pipeline.cache_entry import DamagedEntryError, decode, encode
from data_pipeline.search.base import Engine, Query, SearchResult

_SUFFIX, _LOCK_SUFFIX, _TEMPORARY_SUFFIX = ".search", ".lock", ".tmp"
_KEY_VERSION = 1  # of what enters a key
_ABANDONED_SECONDS = 86_400.0  # age from which an unfinished file belongs to nobody
_LOGGER = logging.getLogger("alphafold_lite")


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheInfo:
    """What a cache folder holds."""

    folder: Path
    num_entries: int
    num_bytes: int
    oldest_use: float | None  # seconds since 1970
    newest_use: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Damage:
    """An entry that cannot be trusted."""

    path: Path
    reason: str


def default_folder() -> Path:
    """`alphafold_lite/searches` in the user's cache folder: `$XDG_CACHE_HOME`, or `.cache` in the home folder."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "alphafold_lite" / "searches"


def search_key(engine: Engine, query: Query) -> str:
    """Digest of all that decides the result of a search; the query's name does not."""
    parts = {
        "version": _KEY_VERSION,
        "sequence": query.sequence,
        "engine": engine.name,
        "engine_version": engine.version,
        "options": engine.options,
        "database_version": engine.database_version,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class SearchCache:
    """A folder of finished searches, safe to share between processes and threads.

    Args:
        folder: made when the first result is stored; default: `default_folder()`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()

    def get_or_run(self, engine: Engine, query: Query) -> SearchResult:
        """The stored result, or that of a search made now and stored; row 0 carries the query's name either way.

        Whoever asks for the same search meanwhile waits for it. A damaged entry is replaced, with a warning; a folder that cannot be written costs a warning only.

        Raises:
            TargetError, MissingResourceError: from the engine; nothing is stored then.
        """
        key = search_key(engine, query)
        path = self._path(key)
        if (stored := self._load(key, path)) is not None:
            return _named(stored, query)
        try:
            lock = _acquire(path.with_suffix(_LOCK_SUFFIX))
        except OSError as error:
            _LOGGER.warning("searches are not kept in %s: %s", self.folder, error.strerror or error)
            return _named(engine.run(query), query)
        with lock:
            try:
                if (stored := self._load(key, path)) is not None:
                    return _named(stored, query)
                result = engine.run(query)
                self._store(key, path, result)
            finally:
                Path(lock.name).unlink(missing_ok=True)
        return _named(result, query)

    def info(self) -> CacheInfo:
        """Number, size and age of the entries."""
        states = [state for _, state in self._entries()]
        uses = [state.st_mtime for state in states]
        return CacheInfo(
            folder=self.folder,
            num_entries=len(states),
            num_bytes=sum(state.st_size for state in states),
            oldest_use=min(uses, default=None),
            newest_use=max(uses, default=None),
        )

    def verify(self) -> tuple[Damage, ...]:
        """Read every entry and name those that cannot be trusted."""
        damaged: list[Damage] = []
        for path, _ in self._entries():
            try:
                decode(path.stem, path.read_bytes())
            except (DamagedEntryError, OSError) as error:
                damaged.append(Damage(path=path, reason=str(error)))
        return tuple(damaged)

    def prune(self, *, max_age: float | None = None, max_bytes: int | None = None, damaged: bool = True) -> CacheInfo:
        """Remove what is damaged, then what was not used for long, then what was used longest ago until the rest fits.

        Args:
            max_age: seconds since the last use.
            max_bytes: of all entries together.
            damaged: whether to read every entry and remove those that cannot be trusted.

        Returns:
            What was removed (`num_entries`, `num_bytes`), unfinished files left by killed runs included.

        Raises:
            InputError: a file cannot be removed.
        """
        removed = self._abandoned()
        if damaged:
            removed += [(fault.path, fault.path.stat()) for fault in self.verify()]
        gone = {path for path, _ in removed}
        entries = sorted(self._entries(), key=lambda entry: (entry[1].st_mtime, entry[0]))
        entries = [entry for entry in entries if entry[0] not in gone]
        total = sum(state.st_size for _, state in entries)
        now = time.time()
        for path, state in entries:
            is_old = max_age is not None and now - state.st_mtime > max_age
            if is_old or (max_bytes is not None and total > max_bytes):
                removed.append((path, state))
                total -= state.st_size
        for path, _ in removed:
            _remove(path)
        uses = [state.st_mtime for _, state in removed]
        return CacheInfo(
            folder=self.folder,
            num_entries=len(removed),
            num_bytes=sum(state.st_size for _, state in removed),
            oldest_use=min(uses, default=None),
            newest_use=max(uses, default=None),
        )

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}{_SUFFIX}"

    def _entries(self) -> list[tuple[Path, os.stat_result]]:
        return _with_states(sorted(self.folder.glob(f"??/*{_SUFFIX}")))

    def _abandoned(self) -> list[tuple[Path, os.stat_result]]:
        unfinished = _with_states(
            sorted(path for suffix in (_LOCK_SUFFIX, _TEMPORARY_SUFFIX) for path in self.folder.glob(f"??/*{suffix}"))
        )
        limit = time.time() - _ABANDONED_SECONDS
        return [(path, state) for path, state in unfinished if state.st_mtime < limit]

    def _load(self, key: str, path: Path) -> SearchResult | None:
        try:
            result = decode(key, path.read_bytes())
        except FileNotFoundError:
            return None
        except (DamagedEntryError, OSError) as error:
            _LOGGER.warning("the stored search %s is damaged and made again: %s", path, error)
            return None
        try:
            os.utime(path)  # the time of the last use, for `prune`
        except OSError as error:
            _LOGGER.debug("%s: %s", path, error)
        return replace(result, record=replace(result.record, from_cache=True))

    def _store(self, key: str, path: Path, result: SearchResult) -> None:
        temporary = path.with_name(f"{path.name}.{os.getpid()}{_TEMPORARY_SUFFIX}")
        try:
            temporary.write_bytes(encode(key, result))
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            _LOGGER.warning("the search is not kept in %s: %s", self.folder, error.strerror or error)


def _acquire(path: Path) -> BinaryIO:
    """An open file with an exclusive lock, which ends when it is closed or the process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = path.open("ab")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX)
    except OSError:
        stream.close()
        raise
    return stream


def _with_states(paths: list[Path]) -> list[tuple[Path, os.stat_result]]:
    """Files with their sizes and times, without those that another process removes meanwhile."""
    found: list[tuple[Path, os.stat_result]] = []
    for path in paths:
        try:
            found.append((path, path.stat()))
        except FileNotFoundError:
            _LOGGER.debug("%s is gone", path)
    return found


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path} to be removable", error.strerror or str(error), "check the folder") from error


def _named(result: SearchResult, query: Query) -> SearchResult:
    alignment = replace(result.alignment, descriptions=(query.name, *result.alignment.descriptions[1:]))
    return replace(result, alignment=alignment)
