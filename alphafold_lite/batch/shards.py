"""One FASTA file divided among batches that know nothing of each other, on as many machines: every one divides it in the same way."""

import hashlib
import heapq
import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, UInt64

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.fasta import CHAIN_BREAK, FastaRecord, RecordProblem, stream_fasta
from data_pipeline.parsers.names import Namer
from data_pipeline.parsers.text import STANDARD_INPUT

MAX_SHARDS = 10_000
FIXED_RESIDUES = 500  # work is taken to grow with L (L + this): in proportion to the length for short chains, with its square for long ones
_TEXT = re.compile(r"([0-9]{1,5})/([0-9]{1,5})")
_FOLDER = re.compile(r"shard-([0-9]{1,5})-of-([0-9]{1,5})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """One part of several, counted from 1.

    Raises:
        InputError: no such part.
    """

    index: int
    number: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.number <= MAX_SHARDS:
            expected = f"--shard I/N with I from 1 to N, and N up to {MAX_SHARDS}"
            raise InputError(expected, f"{self.index}/{self.number}", "count shards from 1")

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """`2/8`.

        Raises:
            InputError: not two whole numbers, or no such part.
        """
        found = _TEXT.fullmatch(text.strip())
        if found is None:
            raise InputError("--shard I/N, two whole numbers", repr(text), "write for example --shard 1/8")
        return cls(index=int(found[1]), number=int(found[2]))

    @classmethod
    def of_folder(cls, name: str) -> "Shard | None":
        """The shard whose folder has a name; None for other folders."""
        found = _FOLDER.fullmatch(name)
        if found is None or not 1 <= int(found[1]) <= int(found[2]) <= MAX_SHARDS:
            return None
        return cls(index=int(found[1]), number=int(found[2]))

    @property
    def folder_name(self) -> str:
        """Of its journal, locks and scratch files."""
        return f"shard-{self.index}-of-{self.number}"

    def __str__(self) -> str:
        return f"{self.index}/{self.number}"


class Division:
    """Which shard each sequence of a FASTA file belongs to.

    The file is read once for this; of each sequence a digest and the length are held. The longest sequences come first, equal lengths in
    the order of their digests, and each goes to the shard with the least work so far, so that order and names in the file do not matter.

    Args:
        fasta: a file; it is read a second time for its records.
        number: of shards.
        force: as for `stream_fasta`.

    Raises:
        InputError: standard input, or a file that cannot be read.
    """

    def __init__(self, fasta: str, number: int, *, force: bool) -> None:
        if fasta == STANDARD_INPUT:
            action = "write it to a file; each shard reads it twice"
            raise InputError("a FASTA file with --shard", "standard input", action)
        self.number, self._fasta = number, fasta
        self.num_records = 0  # those that cannot be used are among them
        digests, lengths = array("Q"), array("Q")
        for entry in stream_fasta(fasta, _nameless, force=force):
            self.num_records += 1
            if isinstance(entry, FastaRecord):
                digests.append(sequence_number(entry))
                lengths.append(len(entry.sequence))
        found = np.frombuffer(digests, np.uint64) if digests else np.zeros(0, np.uint64)
        self._digests, first = np.unique(found, return_index=True)
        self._lengths = (np.frombuffer(lengths, np.uint64) if digests else found)[first].astype(np.int64)
        self._shards = _dealt(self._digests, self._lengths, number)

    @property
    def fingerprint(self) -> str:
        """Equal for files of the same sequences."""
        return hashlib.sha256(self._digests.tobytes() + self._lengths.tobytes()).hexdigest()

    @property
    def work(self) -> list[float]:
        """What each shard has to do, as the division counts it."""
        return [float(_work(self._lengths[self._shards == index]).sum()) for index in range(1, self.number + 1)]

    def shard_of(self, entry: FastaRecord | RecordProblem) -> int:
        """The number of an entry's shard, from 1; records that cannot be used go round by their place in the file.

        Raises:
            InputError: a sequence that was not in the file when it was divided.
        """
        if isinstance(entry, RecordProblem):
            return entry.index % self.number + 1
        digest = np.uint64(sequence_number(entry))
        place = int(np.searchsorted(self._digests, digest))
        if place == len(self._digests) or self._digests[place] != digest:
            found = f"another sequence for {entry.name}"
            raise InputError(f"{self._fasta} as it was a moment ago", found, "run it again once the file is written")
        return int(self._shards[place])


def entries_of_shard(
    division: Division, shard: Shard, fasta: str, *, force: bool
) -> Iterator[FastaRecord | RecordProblem | None]:
    """The entries of one shard under the names that they have in the whole file; None stands for each of the others.

    Raises:
        InputError: as `Division` and `stream_fasta`.
    """
    for entry in stream_fasta(fasta, distinct_namer(), force=force):
        yield entry if division.shard_of(entry) == shard.index else None


def distinct_namer(taken: set[str] | None = None) -> Callable[[str], str]:
    """Names as `safe_names` gives them, one header at a time; the names are held, in lower case in `taken` where that is given."""
    taken = set() if taken is None else taken
    namer = Namer(taken.__contains__)

    def name(header: str) -> str:
        found = namer(header)
        taken.add(found.lower())
        return found

    return name


def sequence_number(record: FastaRecord) -> int:
    """The first 64 bits of the sequence's digest; where two sequences share them, they share a shard, and nothing more."""
    digest = hashlib.sha256(CHAIN_BREAK.join(record.chains).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def _work(lengths: Int[np.ndarray, "N_sequences"]) -> Int[np.ndarray, "N_sequences"]:
    return lengths * (lengths + FIXED_RESIDUES)


def _dealt(
    digests: UInt64[np.ndarray, "N_sequences"], lengths: Int[np.ndarray, "N_sequences"], number: int
) -> Int[np.ndarray, "N_sequences"]:
    """Shards from 1: longest first, each to the one with the least work so far."""
    shards, work = np.zeros(len(digests), np.int64), _work(lengths)
    loads = [(0, index) for index in range(1, number + 1)]
    for place in np.lexsort((digests, -lengths)):
        load, index = loads[0]
        shards[place] = index
        heapq.heapreplace(loads, (load + int(work[place]), index))
    return shards


def _nameless(header: str) -> str:
    return ""
