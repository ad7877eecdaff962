"""Sequences in memory as HMMER reads them, made once and shared by engines."""

import gzip
import hashlib
import io
import logging
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from pyhmmer.easel import Alphabet, DigitalSequence, DigitalSequenceBlock, SequenceFile, TextSequence

from alphafold_lite.common.errors import InputError, MissingResourceError
from data_pipeline.search.hmms import AMINO

MAX_LENGTH = 100_000  # residues; the limit of HMMER's pipeline
_LOGGER = logging.getLogger("alphafold_lite")


@runtime_checkable
class SequenceCollection(Protocol):
    """Names and sequences, side by side."""

    @property
    def names(self) -> tuple[str, ...]:
        """One word each."""
        ...

    @property
    def sequences(self) -> tuple[str, ...]:
        """Residue letters."""
        ...

    @property
    def version(self) -> str:
        """A digest that changes with the content."""
        ...


class SequenceDatabase:
    """Digital sequences, read at first use and kept: about 0.1 kB a sequence beyond its residues.

    Args:
        source: a collection, or a FASTA file (also `.gz`).
        name: for records; default: the file's name.
    """

    def __init__(self, source: SequenceCollection | Path, *, name: str | None = None) -> None:
        self._source = source
        self.name = name or (source.name if isinstance(source, Path) else getattr(source, "name", "sequences"))
        self._lock = threading.RLock()
        self._digital: list[DigitalSequence[Alphabet]] | None = None
        self._pieces: dict[tuple[int, frozenset[str]], list[DigitalSequenceBlock[Alphabet]]] = {}
        self._version = ""

    @classmethod
    def of(cls, source: "SequenceDatabase | SequenceCollection | Path") -> "SequenceDatabase":
        """The database itself, or one made of the sequences."""
        return source if isinstance(source, SequenceDatabase) else cls(source)

    @property
    def version(self) -> str:
        """The collection's version, or the digest of the FASTA file."""
        if not isinstance(self._source, Path):
            return self._source.version
        with self._lock:
            if not self._version:
                with self._source_file(self._source).open("rb") as stream:
                    self._version = hashlib.file_digest(stream, "sha256").hexdigest()
            return self._version

    @property
    def num_sequences(self) -> int:
        """Sequences, those left out included: the size that E-values refer to."""
        return len(self._loaded())

    def pieces(self, number: int, exclude: frozenset[str] = frozenset()) -> "Sequence[DigitalSequenceBlock[Alphabet]]":
        """The sequences in parts of equal size, without those of the given names.

        Raises:
            MissingResourceError: the FASTA file is not there.
            InputError: it holds something else, or nothing.
        """
        key = (number, exclude)
        with self._lock:
            if key not in self._pieces:
                kept = [sequence for sequence in self._loaded() if sequence.name not in exclude]
                self._pieces = {key: [DigitalSequenceBlock(AMINO, kept[part::number]) for part in range(number)]}
            return self._pieces[key]

    def _loaded(self) -> "list[DigitalSequence[Alphabet]]":
        with self._lock:
            if self._digital is None:
                source = self._source
                everything = self._read(source) if isinstance(source, Path) else _digitized(source)
                self._digital = [sequence for sequence in everything if len(sequence) <= MAX_LENGTH]
                if too_long := len(everything) - len(self._digital):
                    message = "%d sequences of %s are longer than %d residues and are not searched"
                    _LOGGER.warning(message, too_long, self.name, MAX_LENGTH)
            return self._digital

    def _source_file(self, path: Path) -> Path:
        if not path.is_file():
            raise MissingResourceError(f"a FASTA file {path}", "none", "check the path of the database")
        return path

    def _read(self, path: Path) -> "list[DigitalSequence[Alphabet]]":
        found: tuple[DigitalSequence[Alphabet], ...] = ()
        try:
            content = self._source_file(path).read_bytes()
            if path.suffix == ".gz":
                content = gzip.decompress(content)  # at once: pyhmmer does not survive an error while it reads
            with SequenceFile(io.BytesIO(content), "fasta", digital=True, alphabet=AMINO) as sequences:
                found = tuple(sequences)
        except (OSError, EOFError, ValueError, zlib.error) as error:
            what = f"{type(error).__name__}: {error}"
            raise InputError(f"protein sequences in FASTA in {path}", what, "check the database") from error
        if not found:
            raise InputError(f"at least one sequence in {path}", "none", "check the database")
        return list(found)


def _digitized(collection: SequenceCollection) -> "list[DigitalSequence[Alphabet]]":
    pairs = zip(collection.names, collection.sequences, strict=True)
    return [TextSequence(name=name, sequence=sequence).digitize(AMINO) for name, sequence in pairs]
