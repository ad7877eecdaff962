"""Sequence searches inside this process, by pyhmmer: phmmer, jackhmmer's iterations and hmmsearch, over sequences in memory.

Alignments have the rows that HMMER itself writes: one for each domain of a hit, named NAME/from-to, best hit first. Domains of one target stay apart, because a
repeat may cover the same query residues several times, and because the alignment then equals that of jackhmmer's `-A` row by row.
"""

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from pyhmmer.easel import Alphabet, DigitalMSA, DigitalSequence, DigitalSequenceBlock, KeyHash, TextMSA, TextSequence
from pyhmmer.errors import AllocationError, EaselError, UnexpectedError
from pyhmmer.plan7 import HMM, Background, Builder, Pipeline, TopHits, Trace

from alphafold_lite.common.errors import TargetError
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.search.base import Engine, Query, SearchResult, as_search_result
from data_pipeline.search.hmmer_rows import in_query_columns
from data_pipeline.search.hmms import AMINO
from data_pipeline.search.sequence_database import MAX_LENGTH, SequenceCollection, SequenceDatabase

INCLUSION_E_VALUE = 1e-3  # of a sequence and of each of its domains
ITERATIONS = 3
MAX_HITS = 5_000  # a few families reach 15,000 in the embedded sequences
# pyhmmer's classes take type arguments in its stubs only.
_Model: TypeAlias = "HMM[Alphabet]"
_Sequence: TypeAlias = "DigitalSequence[Alphabet]"
_Pieces: TypeAlias = "Sequence[DigitalSequenceBlock[Alphabet]]"
_FAILURES = (AllocationError, EaselError, UnexpectedError, OverflowError, ValueError)


class EmbeddedSearch:
    """What the three searches share; use one of them.

    Args:
        database: sequences, or a FASTA file. Give engines the same `SequenceDatabase` and it is held once.
        inclusion_e_value: largest E-value of a sequence, and of a domain of it, in the alignment.
        max_hits: sequences that enter the alignment (and the next model), best first.
        threads: parts of the database searched at the same time; results do not depend on it.
        exclude: names never to be hit. E-values are not changed by it.
    """

    engine_name: ClassVar[str] = "pyhmmer"

    def __init__(
        self,
        database: SequenceDatabase | SequenceCollection | Path,
        *,
        inclusion_e_value: float = INCLUSION_E_VALUE,
        max_hits: int = MAX_HITS,
        threads: int = 1,
        exclude: frozenset[str] = frozenset(),
    ) -> None:
        self._database = SequenceDatabase.of(database)
        self._inclusion = inclusion_e_value
        self._max_hits = max_hits
        self._threads = max(1, threads)
        self._exclude = exclude

    @property
    def name(self) -> str:
        """Of the search."""
        return self.engine_name

    @property
    def version(self) -> str:
        """Of pyhmmer."""
        return metadata.version("pyhmmer")

    @property
    def database(self) -> str:
        """Name of the sequences."""
        return self._database.name

    @property
    def database_version(self) -> str:
        """Digest of the sequences."""
        return self._database.version

    @property
    def options(self) -> dict[str, object]:
        """Settings that change the result."""
        names = "\n".join(sorted(self._exclude)).encode()
        excluded = hashlib.sha256(names).hexdigest() if self._exclude else ""
        return {"inclusion_e_value": self._inclusion, "max_hits": self._max_hits, "excluded": excluded}

    def run(self, query: Query) -> SearchResult:
        """Search with one query.

        Raises:
            TargetError: HMMER cannot search with this query.
            MissingResourceError: the FASTA file is not there.
            InputError: it holds something else.
        """
        if len(query.sequence) > MAX_LENGTH:
            found = f"{len(query.sequence)} residues in {query.name}"
            raise TargetError(f"a query of at most {MAX_LENGTH} residues", found, "search with its domains")
        pieces = self._database.pieces(self._threads, self._exclude)
        start = time.perf_counter()
        try:
            alignment = self._align(query, pieces)
        except _FAILURES as error:
            found = f"{type(error).__name__}: {error}"
            raise TargetError(f"{query.name} to be searched with", found, "search with another engine") from error
        command = (self.name, *(f"{key}={value}" for key, value in self.options.items() if value != ""))
        seconds = time.perf_counter() - start
        return as_search_result(self, alignment, version=self.version, seconds=seconds, command=command)

    def _align(self, query: Query, pieces: _Pieces) -> Alignment:
        raise TypeError(f"{type(self).__name__} is no search by itself")

    def _search(self, model: _Model, pieces: _Pieces) -> "TopHits[Any]":
        """Hits of one model, best first, with no more than the allowed number included."""

        def search_piece(piece: "DigitalSequenceBlock[Alphabet]") -> "TopHits[Any]":
            limit, size = self._inclusion, float(self._database.num_sequences)
            return Pipeline(AMINO, Z=size, incE=limit, incdomE=limit).search_hmm(model, piece)

        with ThreadPoolExecutor(self._threads) as pool:
            first, *others = pool.map(search_piece, pieces)
        hits = first.merge(*others) if others else first
        hits.sort(by="key")
        for number, hit in enumerate(hits.included):
            if number >= self._max_hits:
                hit.included = False
        return hits

    def _aligned(self, query: _Sequence, hits: "TopHits[Any]") -> "DigitalMSA[Alphabet]":
        """The query, then every included domain, over all match states of the model."""
        msa: Any = hits.to_msa(
            AMINO, sequences=[query], traces=[Trace.from_sequence(query)], all_consensus_cols=True, digitize=True
        )
        msa.name = query.name
        return msa

    def _alignment(self, query: Query, msa: "DigitalMSA[Alphabet]") -> Alignment:
        rows = msa.textize().alignment
        return in_query_columns(query, rows, msa.names, f"{self.name} of {query.name}")


class Jackhmmer(EmbeddedSearch):
    """Iterated search: each round's model is built from the alignment of the round before.

    Args (the others: see `EmbeddedSearch`):
        iterations: rounds; fewer where a round finds nothing new.
    """

    engine_name = "pyhmmer-jackhmmer"

    def __init__(
        self,
        database: SequenceDatabase | SequenceCollection | Path,
        *,
        iterations: int = ITERATIONS,
        inclusion_e_value: float = INCLUSION_E_VALUE,
        max_hits: int = MAX_HITS,
        threads: int = 1,
        exclude: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(
            database, inclusion_e_value=inclusion_e_value, max_hits=max_hits, threads=threads, exclude=exclude
        )
        self._iterations = max(1, iterations)

    @property
    def options(self) -> dict[str, object]:
        """Settings that change the result."""
        return {"iterations": self._iterations, **super().options}

    def model(self, query: Query) -> _Model:
        """The model of the last round's alignment, which no round has searched with yet."""
        pieces = self._database.pieces(self._threads, self._exclude)
        return _builder().build_msa(self._last_round(query, pieces), Background(AMINO))[0]

    def _align(self, query: Query, pieces: _Pieces) -> Alignment:
        return self._alignment(query, self._last_round(query, pieces))

    def _last_round(self, query: Query, pieces: _Pieces) -> "DigitalMSA[Alphabet]":
        sequence = _digital(query)
        background, seen = Background(AMINO), KeyHash()
        model = _builder().build(sequence, background)[0]
        msa, num_new = self._round(sequence, model, pieces, seen)
        num_rows = 1
        for _ in range(1, self._iterations):
            if num_new == 0 and len(msa.names) <= num_rows:
                break
            num_rows = len(msa.names)
            model = _builder().build_msa(msa, background)[0]
            msa, num_new = self._round(sequence, model, pieces, seen)
        return msa

    def _round(
        self, query: _Sequence, model: _Model, pieces: _Pieces, seen: KeyHash
    ) -> "tuple[DigitalMSA[Alphabet], int]":
        hits = self._search(model, pieces)
        num_new = hits.compare_ranking(seen)  # notes the names of the included hits
        return self._aligned(query, hits), num_new


class Phmmer(Jackhmmer):
    """One round with the query alone."""

    engine_name = "pyhmmer-phmmer"

    def __init__(
        self,
        database: SequenceDatabase | SequenceCollection | Path,
        *,
        inclusion_e_value: float = INCLUSION_E_VALUE,
        max_hits: int = MAX_HITS,
        threads: int = 1,
        exclude: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(
            database,
            iterations=1,
            inclusion_e_value=inclusion_e_value,
            max_hits=max_hits,
            threads=threads,
            exclude=exclude,
        )


class HmmSearch(EmbeddedSearch):
    """The model of another search's alignment against a second database, such as the sequences of structures.

    Args (the others: see `EmbeddedSearch`):
        seed: the search that makes the alignment.
    """

    engine_name = "pyhmmer-hmmsearch"

    def __init__(
        self,
        database: SequenceDatabase | SequenceCollection | Path,
        *,
        seed: Engine,
        inclusion_e_value: float = INCLUSION_E_VALUE,
        max_hits: int = MAX_HITS,
        threads: int = 1,
        exclude: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(
            database, inclusion_e_value=inclusion_e_value, max_hits=max_hits, threads=threads, exclude=exclude
        )
        self._seed = seed

    @property
    def options(self) -> dict[str, object]:
        """Settings that change the result, those of the seed included."""
        seed = self._seed
        described = {"engine": seed.name, "version": seed.version, "database_version": seed.database_version}
        return {**super().options, "seed": {**described, "options": seed.options}}

    def _align(self, query: Query, pieces: _Pieces) -> Alignment:
        seed = self._seed
        model = seed.model(query) if isinstance(seed, Jackhmmer) else hmm_of_alignment(seed.run(query).alignment)
        return self._alignment(query, self._aligned(_digital(query), self._search(model, pieces)))


def hmm_of_alignment(alignment: Alignment) -> _Model:
    """A model with a match state for each residue of the query; insertions are not known and left out."""
    rows = [TextSequence(name=str(number), sequence=sequence) for number, sequence in enumerate(alignment.sequences)]
    msa = TextMSA(name="query", sequences=rows).digitize(AMINO)
    # symfrac: every column becomes a match state. Marking them in a digital alignment corrupts memory in pyhmmer 0.12.3.
    return Builder(AMINO, architecture="fast", symfrac=0.0).build_msa(msa, Background(AMINO))[0]


def _builder() -> "Builder[Alphabet]":
    return Builder(AMINO, architecture="hand")  # match states stay the residues of the query


def _digital(query: Query) -> _Sequence:
    return TextSequence(name="query", sequence=query.sequence).digitize(AMINO)
