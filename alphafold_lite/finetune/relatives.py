"""Alignments and library hits of the chains, kept by what they were made of, so that an interrupted preparation goes on where it stopped."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alphafold_lite.common.errors import InputError
from alphafold_lite.finetune.structures import Candidate
from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.outputs.run_record import sha256_of
from alphafold_lite.training.chains import write_alignment
from alphafold_lite.training.homologues import to_runs
from data_pipeline.cache import SearchCache, search_key
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.pipeline import read_alignment
from data_pipeline.search.base import Engine, Query
from data_pipeline.search.library_hit import LibraryHit
from data_pipeline.searcher import Searcher

MOST_IDENTITY = 0.95  # a library chain that is nearer counts as the chain itself
ENDINGS = (".a3m", ".sto", ".stockholm")
KEY_LENGTH = 32  # hexadecimal digits of a digest, in names of files
FORMAT = 2


class AlignmentProblemError(Exception):
    """An alignment of the user that does not belong to its chain."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Relatives:
    """Of one chain."""

    alignment: str  # file in the folder
    hits: tuple[LibraryHit, ...]  # best first


class Finder:
    """Finds relatives and keeps them.

    Args:
        folder: of the files.
        searcher: for alignments that the user does not give, and for hits.
        msa_dir: the user's alignments.
        with_hits: whether the network reads templates or profiles of library chains.
    """

    def __init__(self, folder: Path, searcher: Searcher, msa_dir: Path | None, *, with_hits: bool) -> None:
        self.folder, self.searcher, self.msa_dir, self.with_hits = folder, searcher, msa_dir, with_hits

    def find(self, chain: Candidate) -> Relatives:
        """What is kept, or a search made now.

        Raises:
            AlignmentProblemError: the user's alignment is that of another sequence.
            TargetError: a search failed for this chain.
        """
        alignment = self._alignment(chain)
        return Relatives(alignment=alignment, hits=self._hits(chain, alignment) if self.with_hits else ())

    def is_known(self, chain: Candidate) -> bool:
        """Whether nothing has to be searched for."""
        given = user_file(chain, self.msa_dir)
        name = _searched_name(self.searcher.engines[0], _query(chain)) if given is None else _given_name(chain, given)
        has_alignment = given is not None or (self.folder / name).is_file()
        return has_alignment and (not self.with_hits or (self.folder / self._hits_name(chain, name)).is_file())

    def _alignment(self, chain: Candidate) -> str:
        given = user_file(chain, self.msa_dir)
        if given is not None:
            return self._keep_given(chain, given)
        return searched_alignment(self.folder, self.searcher.engines[0], _query(chain), cache=self.searcher.cache)

    def _keep_given(self, chain: Candidate, given: Path) -> str:
        name = _given_name(chain, given)
        if not (self.folder / name).is_file():
            try:
                write_alignment(self.folder / name, laid_onto(chain, read_alignment(given)))
            except InputError as error:
                raise AlignmentProblemError(f"alignment {given.name}: {error}") from error
        return name

    def _hits_name(self, chain: Candidate, alignment: str) -> str:
        parts = (chain.sequence, chain.id.upper(), alignment, self.searcher.library.version, str(MOST_IDENTITY))
        return f"{_digest(str(FORMAT), *parts)}.hits.json"

    def _hits(self, chain: Candidate, alignment: str) -> tuple[LibraryHit, ...]:
        path = self.folder / self._hits_name(chain, alignment)
        if not path.is_file():
            names = {chain.id, f"{chain.entry.upper()}{chain.id.removeprefix(chain.entry)}"}
            rows = [read_alignment(self.folder / alignment)]
            hits, _ = self.searcher.library_hits(_query(chain), rows, exclude=names, max_identity=MOST_IDENTITY)
            write_atomic(path, json.dumps([_to_plain(hit) for hit in hits]))
        return tuple(_from_plain(values, self.searcher) for values in json.loads(path.read_text(encoding="utf-8")))


def searched_alignment(folder: Path, engine: Engine, query: Query, *, cache: SearchCache | None = None) -> str:
    """The name of a query's alignment in a folder, searched for where it is not there; the name says how.

    Raises:
        TargetError: the search failed.
    """
    name = _searched_name(engine, query)
    if not (folder / name).is_file():
        found = engine.run(query) if cache is None else cache.get_or_run(engine, query)
        write_alignment(folder / name, found.alignment)
    return name


def _searched_name(engine: Engine, query: Query) -> str:
    return f"{search_key(engine, query)[:KEY_LENGTH]}.a3m.gz"


def user_file(chain: Candidate, folder: Path | None) -> Path | None:
    """The user's alignment: called after the chain, or after the structure where that has one chain."""
    if folder is None:
        return None
    names = (chain.id, chain.entry) if chain.is_only_chain else (chain.id,)
    candidates = (folder / f"{name}{ending}{packed}" for name in names for ending in ENDINGS for packed in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def laid_onto(chain: Candidate, alignment: Alignment) -> Alignment:
    """The columns of the chain's residues. The first row must be the chain's sequence, with or without what is missing at its ends.

    Raises:
        AlignmentProblemError: it is neither.
    """
    first = alignment.sequences[0]
    if first == chain.sequence:
        return alignment
    if first != chain.full_sequence:
        raise AlignmentProblemError(f"the first row of its alignment has {len(first)} other residues than the chain")
    return alignment.columns(chain.start, chain.start + len(chain.sequence))


def _query(chain: Candidate) -> Query:
    return Query(name=chain.id, sequence=chain.sequence)


def _given_name(chain: Candidate, given: Path) -> str:
    return f"{sha256_of(given)[:KEY_LENGTH]}-{_digest(chain.sequence, str(chain.start))}.a3m.gz"


def _digest(*parts: str) -> str:
    return sha256_of("\n".join(parts))[:KEY_LENGTH]


def _to_plain(hit: LibraryHit) -> dict[str, Any]:
    numbers = {name: getattr(hit, name) for name in ("e_value", "score", "identity", "coverage")}
    return {"name": hit.name, **numbers, "runs": to_runs(hit.query_index, hit.chain_index).tolist()}


def _from_plain(values: dict[str, Any], searcher: Searcher) -> LibraryHit:
    runs: Sequence[Sequence[int]] = values["runs"]
    query, chain = (np.concatenate([np.arange(run[k], run[k] + run[2]) for run in runs]) for k in (0, 1))
    numbers = {name: float(values[name]) for name in ("e_value", "score", "identity", "coverage")}
    number = searcher.library.index_of(values["name"])
    return LibraryHit(chain=number, name=values["name"], query_index=query, chain_index=chain, **numbers)
