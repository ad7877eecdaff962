"""Everything that is found for a query: alignments, templates, and the profile that its library hits carry over."""

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import numpy as np

from alphafold_lite.common.errors import InputError
from alphafold_lite.common.features import CarriedProfile
from data_pipeline.cache import SearchCache
from data_pipeline.config import LIBRARY, NO_TEMPLATES, SearchConfig
from data_pipeline.data_folder import DataFolder, read_data_folder
from data_pipeline.databases import Database, open_database
from data_pipeline.library.library import Library
from data_pipeline.library.manifest import MANIFEST
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.pipeline import merge_or_alone
from data_pipeline.search.base import Engine, Query, SearchRecord, SearchResult
from data_pipeline.search.choice import engines
from data_pipeline.search.hhsearch import HHsearch
from data_pipeline.search.hmmsearch import HmmSearchProgram
from data_pipeline.search.library_hit import SURE, LibraryHit, carried_profile
from data_pipeline.search.process import cpu_count
from data_pipeline.search.profile_profile import ProfileProfileSearch
from data_pipeline.search.profile_scan import ProfileScan
from data_pipeline.search.query_profile import query_profile
from data_pipeline.templates.library_hits import from_library
from data_pipeline.templates.selection import TemplateSelection, combine
from data_pipeline.templates.structure_hits import from_hhr, from_hmmsearch
from data_pipeline.templates.structures import StructureFolder
from data_pipeline.templates.user_files import from_files

log = logging.getLogger("alphafold_lite")
SCAN = "library-profiles"
COMPARISON = "profile-profile"
ANY_IDENTITY = 2.0  # leaves nothing out


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What the searches say about one chain."""

    results: tuple[SearchResult, ...]  # alignments, first those whose rows come first
    templates: TemplateSelection
    carried: CarriedProfile | None
    records: tuple[SearchRecord, ...]  # of every search made, templates included
    texts: dict[str, str]  # raw output of template searches, by file name

    @property
    def alignments(self) -> list[Alignment]:
        """One for each search."""
        return [result.alignment for result in self.results]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Limits:
    """Which library chains may be hits."""

    exclude: frozenset[int]  # numbers
    max_identity: float
    max_e_value: float
    wanted: int

    @property
    def searched(self) -> int:
        """Hits that a search is asked for: more where near ones are left out of them."""
        return self.wanted if self.max_identity > 1 else 2 * self.wanted

    def kept(self, hits: Sequence[LibraryHit]) -> tuple[LibraryHit, ...]:
        """The first hits that are not too near."""
        return tuple(hit for hit in hits if hit.identity < self.max_identity)[: self.wanted]


class Searcher:
    """Holds what many queries share: the library, its profile models, engines, the cache.

    Raises:
        InputError: databases, modes or paths that do not fit together.
        MissingResourceError: a database or the embedded library is not there.
    """

    def __init__(self, config: SearchConfig) -> None:
        self.config = config
        self.threads = config.threads or cpu_count()
        self.data: DataFolder | None = None if config.data_dir is None else read_data_folder(config.data_dir)
        self.library = Library.embedded() if config.library is None else Library.open(config.library)
        self.engines: tuple[Engine, ...] = engines(config, self.library, self.data)
        self.cache = SearchCache(config.cache) if config.use_cache else None
        self._template_library, self._programs = self._template_sources()

    @cached_property
    def scan(self) -> ProfileScan:
        """The models of the library that templates come from."""
        return ProfileScan(self._template_library or self.library, threads=self.threads)

    @cached_property
    def comparison(self) -> ProfileProfileSearch:
        """The profiles of the same library."""
        return ProfileProfileSearch(self._template_library or self.library)

    def gather(
        self,
        query: Query,
        *,
        given: Sequence[Alignment] | None = None,
        exclude: Collection[str] = (),
        max_identity: float = ANY_IDENTITY,
    ) -> Found:
        """Search with one chain.

        Args:
            given: alignments that are there already, possibly none; templates are then searched with them, and no others are made.
            exclude: names of library chains that may be neither templates nor give their profile.
            max_identity: library hits of this identity or more may not either.

        Raises:
            TargetError: a search failed for this query, or a template is required and none is usable.
            MissingResourceError: a program is not there.
            InputError: a structure or an alignment of the user that cannot be used.
        """
        results = self.search(query) if given is None else ()
        alignments = [result.alignment for result in results] if given is None else given
        hits, compared = self.library_hits(query, alignments, exclude=exclude, max_identity=max_identity)
        selections, records, texts = self._structure_templates(query, alignments)
        if self._template_library is not None:
            selections.append(from_library(query, hits, self._template_library, self.config.selection))
        templates = combine(selections, max_templates=self.config.selection.max_templates)
        if self.config.require_template:
            templates.require(query)
        return Found(
            results=results,
            templates=templates,
            carried=self.carried(hits, len(query.sequence)),
            records=(*(result.record for result in results), *compared, *records),
            texts=texts,
        )

    def search(self, query: Query) -> tuple[SearchResult, ...]:
        """The alignments of all engines, from the cache where they are there.

        Raises:
            TargetError: a search failed for this query.
            MissingResourceError: a program is not there.
        """
        cache = self.cache
        return tuple(engine.run(query) if cache is None else cache.get_or_run(engine, query) for engine in self.engines)

    def library_hits(
        self,
        query: Query,
        alignments: Sequence[Alignment] = (),
        *,
        exclude: Collection[str] = (),
        max_identity: float = ANY_IDENTITY,
    ) -> tuple[tuple[LibraryHit, ...], tuple[SearchRecord, ...]]:
        """Chains of the query's family, best first, and how that was found out; nothing without library templates.

        The query is scanned against the chains' models; its profile, made of the alignments and of what the sure hits say, is compared with theirs and aligned
        with those of all hits.

        Raises:
            TargetError: the query is too long.
            InputError: an alignment whose first row is not the query.
        """
        library = self._template_library
        if library is None:
            return (), ()
        limits = _Limits(
            exclude=frozenset(number for number, name in enumerate(library.chain_names) if name in exclude),
            max_identity=max_identity,
            max_e_value=max(SURE, self.config.selection.max_e_value),
            wanted=self.config.selection.max_candidates,
        )
        start = time.perf_counter()
        found = self.scan.scan(query, exclude=limits.exclude, max_e_value=limits.max_e_value, max_hits=limits.searched)
        scanned = limits.kept(found)
        described = (SCAN, f"pyhmmer {version('pyhmmer')}", f"scan of {library.num_chains} profile models")
        record = _record(described, library, start, len(scanned), limits)
        if not self.comparison.can_search(query):
            return scanned, (record,)

        start = time.perf_counter()
        rows = merge_or_alone(alignments, query.sequence, query.name).letters
        profile = query_profile(rows, self.carried(scanned, len(query.sequence)))
        too_near = frozenset(hit.chain for hit in found if hit.identity >= max_identity)
        found = self.comparison.search(
            query,
            profile,
            known=scanned,
            exclude=limits.exclude | too_near,
            max_e_value=limits.max_e_value,
            max_hits=limits.searched,
        )
        hits = limits.kept(found)
        described = (COMPARISON, f"numpy {np.__version__}", f"profile against {library.num_chains} profiles")
        return hits, (record, _record(described, library, start, len(hits), limits))

    def carried(self, hits: Sequence[LibraryHit], length: int) -> CarriedProfile | None:
        """What the hits' own profiles say of the query; None where nothing is known."""
        sure = [hit for hit in hits if hit.e_value <= SURE]
        if self._template_library is None or not sure:
            return None
        return carried_profile(sure, self._template_library, length)

    def _template_sources(self) -> tuple[Library | None, tuple[Database, ...]]:
        """The library to be scanned, and databases for the programs that find structures."""
        named, programs = self.config.templates, ()
        if named == NO_TEMPLATES:
            return None, ()
        if self.data is not None and self.data.structures is not None:
            roles = [role for role in ("pdb70", "pdb_seqres") if role in self.data.databases][:1]
            programs = tuple(self.data.databases[role] for role in roles)
        if named == LIBRARY:
            return self.library, programs
        if (Path(named) / MANIFEST).is_file():
            return Library.open(Path(named)), programs
        return None, (open_database(Path(named)),)

    def _structure_templates(
        self, query: Query, alignments: Sequence[Alignment]
    ) -> tuple[list[TemplateSelection], list[SearchRecord], dict[str, str]]:
        """Templates from the user's files and from programs that search sequences of known structures."""
        selection = self.config.selection
        selections = [from_files(query, self.config.template_files, selection)] if self.config.template_files else []
        records: list[SearchRecord] = []
        texts: dict[str, str] = {}
        for database in self._programs:
            structures = self._structures(database)
            profile = alignments[0] if alignments else _alone(query)
            if database.kind == "hhsuite":
                found = HHsearch(targets=(database,), threads=self.threads).search(profile)
                selections.append(from_hhr(query, found.hits, structures, selection, e_values=found.e_values))
                texts["hits.hhr"] = found.text
            else:
                found = HmmSearchProgram(target=database, threads=self.threads).search(profile)
                selections.append(from_hmmsearch(query, found.hits, structures, selection, e_values=found.e_values))
                texts["hits.sto"] = found.text
            records.append(found.record)
        return selections, records, texts

    def _structures(self, database: Database) -> StructureFolder:
        if self.data is None or self.data.structures is None:
            expected = f"mmCIF files for the templates of {database.name} (pdb_mmcif/mmcif_files below --data-dir)"
            raise InputError(expected, "none", "give --data-dir, or --templates library")
        return StructureFolder.open(self.data.structures, self.data.obsolete)


def _alone(query: Query) -> Alignment:
    return Alignment(
        sequences=(query.sequence,),
        deletion_matrix=np.zeros((1, len(query.sequence)), np.int32),
        descriptions=(query.name,),
        source="the query",
    )


def _record(
    described: tuple[str, str, str], library: Library, start: float, num_hits: int, limits: _Limits
) -> SearchRecord:
    engine, engine_version, command = described
    return SearchRecord(
        engine=engine,
        version=engine_version,
        database=library.name,
        database_version=library.version,
        seconds=time.perf_counter() - start,
        command=(command,),
        num_hits=num_hits,
        options={"max_e_value": limits.max_e_value, "excluded": len(limits.exclude)},
    )
