"""From a configuration to the engines that make the alignments."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alphafold_lite.common.errors import InputError
from data_pipeline.cache import default_folder
from data_pipeline.config import MsaMode, SearchConfig
from data_pipeline.data_folder import DataFolder
from data_pipeline.databases import Database, Kind, parse_database
from data_pipeline.library.library import Library
from data_pipeline.search.base import Engine
from data_pipeline.search.embedded import Jackhmmer
from data_pipeline.search.hhblits import HHblits
from data_pipeline.search.jackhmmer import JackhmmerProgram, JackhmmerSettings
from data_pipeline.search.mmseqs2 import MMseqs2
from data_pipeline.search.process import cpu_count
from data_pipeline.search.sequence_database import SequenceDatabase
from data_pipeline.search.server.client import MsaServer
from data_pipeline.search.server.settings import ServerSettings

READERS: dict[Kind, MsaMode] = {"fasta": "jackhmmer", "hhsuite": "hhblits", "mmseqs2": "mmseqs2"}
MGNIFY_ROWS = 501  # AlphaFold keeps so many of MGnify, and 10,000 of the others
MAX_EMBEDDED_HITS = 5_000


def engines(config: SearchConfig, library: Library, data: DataFolder | None) -> tuple[Engine, ...]:
    """One engine for each search to be made, in the order in which their rows are merged.

    Raises:
        InputError: a database that none of the modes reads, or a mode without a database.
        MissingResourceError: a database that is not there.
    """
    named = tuple(parse_database(text) for text in config.databases)
    modes = config.msa_modes or automatic_modes(named, data)
    unread = [database.name for database in named if READERS[database.kind] not in modes]
    if unread:
        found = f"--msa-mode {','.join(modes)}"
        readers = ", ".join(sorted(READERS[database.kind] for database in named if database.name in unread))
        raise InputError(f"a mode that reads {', '.join(unread)}", found, f"add {readers}")
    return tuple(engine for mode in modes for engine in _engines_of(mode, config, library, named, data))


def automatic_modes(named: tuple[Database, ...], data: DataFolder | None) -> tuple[MsaMode, ...]:
    """The programs that read what the user named; the embedded search where nothing is."""
    kinds = {database.kind for database in named}
    if data is not None:
        kinds |= {database.kind for role, database in data.databases.items() if not role.startswith("pdb")}
    modes: tuple[MsaMode, ...] = tuple(READERS[kind] for kind in READERS if kind in kinds)
    return modes or ("embedded",)


def tickets_beside(config: SearchConfig) -> Path | None:
    """Where the server's tickets are kept, so that a later run goes on waiting; None where nothing is to be kept."""
    return (config.cache or default_folder()) / "tickets" if config.use_cache else None


def _engines_of(
    mode: MsaMode, config: SearchConfig, library: Library, named: tuple[Database, ...], data: DataFolder | None
) -> Iterator[Engine]:
    threads = config.threads or cpu_count()
    if mode == "embedded":
        yield Jackhmmer(SequenceDatabase(LibrarySequences(library)), max_hits=MAX_EMBEDDED_HITS, threads=threads)
    elif mode == "server":
        settings = ServerSettings(
            contact=config.server_contact, url=config.server_url, ticket_folder=tickets_beside(config)
        )
        yield MsaServer(settings, rng=np.random.default_rng())  # only how long it waits is random
    elif mode != "single":
        mine = [database for database in named if READERS[database.kind] == mode]
        mine += data.msa_databases(mode) if data is not None else ()
        if not mine:
            action = f"give --database PATH or --data-dir, or leave {mode} out of --msa-mode"
            raise InputError(f"a database for {mode}", "none", action)
        yield from _programs(mode, mine, threads)


def _programs(mode: MsaMode, databases: list[Database], threads: int) -> Iterator[Engine]:
    if mode == "hhblits":
        yield HHblits(targets=tuple(databases), threads=threads)
    for database in databases:
        if mode == "jackhmmer":
            rows = MGNIFY_ROWS if database.name.startswith("mgy_clusters") else JackhmmerSettings().max_rows
            yield JackhmmerProgram(target=database, settings=JackhmmerSettings(max_rows=rows), threads=threads)
        elif mode == "mmseqs2":
            yield MMseqs2(target=database, threads=threads)


@dataclass(frozen=True, slots=True)
class LibrarySequences:
    """A library's sequences, unpacked at the first search: a query whose alignment is there, or kept, waits for none of them."""

    library: Library

    @property
    def name(self) -> str:
        """Of the library."""
        return self.library.name

    @property
    def version(self) -> str:
        """Of the library."""
        return self.library.version

    @property
    def names(self) -> tuple[str, ...]:
        """One word each."""
        return self.library.sequences().names

    @property
    def sequences(self) -> tuple[str, ...]:
        """Residue letters."""
        return self.library.sequences().sequences
