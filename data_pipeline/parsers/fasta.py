"""FASTA: each record is one protein chain to predict, or several (`SEQ1:SEQ2`) that are predicted together."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from alphafold_lite.common.chains import CHAIN_IDS
from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.names import safe_name, safe_names
from data_pipeline.parsers.records import RawRecord, iterate_records, split_records
from data_pipeline.parsers.text import describe, quote, read_lines, read_text

MAX_UNKNOWN_FRACTION = 0.5  # a chain that is mostly unknown residues has no fold to predict
MIN_NUCLEOTIDE_LENGTH = 30  # from here on, a chain of nothing but these letters is taken for DNA or RNA
_NUCLEOTIDES = frozenset("ACGTUN")
_REPLACED = frozenset("BJOUXZ")
_TO_UNKNOWN = str.maketrans(dict.fromkeys("BJOUZ", "X"))
_NOT_A_LETTER = re.compile(r"[^A-Za-z]")
_SHOWN_POSITIONS = 5
CHAIN_BREAK = ":"  # between the chains of one record


@dataclass(frozen=True, kw_only=True, slots=True)
class FastaRecord:
    """One usable target."""

    index: int  # place in the file, from 0
    header: str  # as written, without '>'
    name: str  # safe, distinct folder name
    chains: tuple[str, ...]  # the 20 letters and X, at least one residue each; one chain unless the record has a ':'
    replaced: tuple[tuple[int, str], ...] = ()  # position in `sequence` (from 1) and original letter of every X
    notices: tuple[str, ...] = ()  # one line each, for the user

    @property
    def sequence(self) -> str:
        """All residues: the chains one after another, with nothing between them."""
        return "".join(self.chains)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordProblem:
    """One record that cannot be used, and why."""

    index: int
    header: str
    name: str
    error: InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class FastaReading:
    """What a FASTA file holds: usable records in file order, and the others."""

    records: tuple[FastaRecord, ...]
    problems: tuple[RecordProblem, ...]

    @property
    def notices(self) -> tuple[str, ...]:
        """Everything the user should hear about the usable records."""
        return tuple(notice for record in self.records for notice in record.notices)


def read_fasta(source: str | Path, *, force: bool = False) -> FastaReading:
    """Read a FASTA file (plain or gzip), or standard input for `-`; see `parse_fasta`."""
    return parse_fasta(read_text(source), source="standard input" if str(source) == "-" else str(source), force=force)


def parse_fasta(text: str, *, source: str = "the FASTA text", force: bool = False) -> FastaReading:
    """Sort records into usable ones and problems.

    Lower case and white space are accepted, one trailing `*` or more is dropped, B J O U Z become X; `:` parts the chains of a complex. `force` lets
    through chains that are mostly X or look like nucleotides.

    Raises:
        InputError: no header, text before the first header, or no usable record (then the error of the first).
    """
    raw = split_records(text, source=source)
    names = safe_names(record.header for record in raw)
    records: list[FastaRecord] = []
    problems: list[RecordProblem] = []
    for index, (record, name) in enumerate(zip(raw, names, strict=True)):
        read = _read_record(record, index, name, source, force=force)
        if isinstance(read, RecordProblem):
            problems.append(read)
        else:
            records.append(read)
    if not records:
        raise problems[0].error
    return FastaReading(records=tuple(records), problems=tuple(problems))


def stream_fasta(
    source: str | Path, name: Callable[[str], str], *, force: bool = False
) -> Iterator[FastaRecord | RecordProblem]:
    """Records of a FASTA file (plain or gzip; `-`: standard input) in file order, one held at a time.

    Args:
        name: gives each header its safe name, distinct from those before; see `names.safe_names`.

    Raises:
        InputError: a file that cannot be read, no header, or text before the first header.
    """
    shown = "standard input" if str(source) == "-" else str(source)
    for index, record in enumerate(iterate_records(read_lines(source), source=shown)):
        yield _read_record(record, index, name(record.header), shown, force=force)


def _read_record(record: RawRecord, index: int, name: str, source: str, *, force: bool) -> FastaRecord | RecordProblem:
    place = f"record {index + 1} ({quote(record.header)}, line {record.line}) of {source}"
    try:
        chains, replaced, notices = _clean_chains(record.sequence, place, force=force)
    except InputError as error:
        return RecordProblem(index=index, header=record.header, name=name, error=error)
    return FastaRecord(index=index, header=record.header, name=name, chains=chains, replaced=replaced, notices=notices)


def sequence_record(sequence: str, *, name: str = "target", force: bool = False) -> FastaRecord:
    """A record from a bare sequence, by the same rules as a FASTA file.

    Raises:
        InputError: the sequence is empty or holds anything but residue letters.
    """
    letters, place = "".join(sequence.split()), f"sequence {quote(name)}"
    chains, replaced, notices = _clean_chains(letters, place, force=force)
    return FastaRecord(index=0, header=name, name=safe_name(name), chains=chains, replaced=replaced, notices=notices)


def _clean_chains(
    letters: str, place: str, *, force: bool
) -> tuple[tuple[str, ...], tuple[tuple[int, str], ...], tuple[str, ...]]:
    """The chains of one record, the letters replaced in them by their position in all of them, and notices."""
    parts = letters.split(CHAIN_BREAK)
    if len(parts) > 1:
        _check_breaks(letters, len(parts), place)
    chains: list[str] = []
    replaced: list[tuple[int, str]] = []
    notices: list[str] = []
    for number, part in enumerate(parts):
        where = place if len(parts) == 1 else f"chain {CHAIN_IDS[number]} of {place}"
        chain, unknown, remarks = _clean(part, where, force=force)
        before = sum(map(len, chains))
        replaced += [(before + position, letter) for position, letter in unknown]
        chains.append(chain)
        notices += remarks
    return tuple(chains), tuple(replaced), tuple(notices)


def _check_breaks(letters: str, num_chains: int, place: str) -> None:
    """Raise InputError where a ':' has no chain on both sides, or where there are more chains than names for them."""
    expected = f"a chain on both sides of every ':' in {place}"
    if not letters.strip(CHAIN_BREAK):
        raise InputError(expected, "no residue letter", "write the chains as SEQ1:SEQ2")
    if letters.startswith(CHAIN_BREAK):
        raise InputError(expected, "':' before the first chain", "remove it, or put the missing chain before it")
    if letters.endswith(CHAIN_BREAK):
        raise InputError(expected, "':' after the last chain", "remove it, or put the missing chain behind it")
    doubled = letters.find(2 * CHAIN_BREAK)
    if doubled >= 0:
        found = f"'::' at position {doubled + 1}"
        raise InputError(expected, found, "write one ':' between two chains, or put the missing chain between them")
    if num_chains > len(CHAIN_IDS):
        raise InputError(f"at most {len(CHAIN_IDS)} chains in {place}", str(num_chains), "predict fewer together")


def _clean(letters: str, place: str, *, force: bool) -> tuple[str, tuple[tuple[int, str], ...], tuple[str, ...]]:
    sequence = letters.rstrip("*")
    notices = [f"{place}: dropped the '*' at the end"] if sequence != letters else []
    if not sequence:
        raise InputError(f"residue letters in {place}", "no sequence", "give its sequence or remove its header")
    bad = _NOT_A_LETTER.search(sequence)
    if bad:
        raise _bad_letter(bad.group(), bad.start() + 1, place)
    sequence = sequence.upper()
    for problem in _doubts(sequence, place):
        if not force:
            raise problem
        notices.append(f"{place}: {problem.found}, accepted by force")
    replaced = tuple((position, letter) for position, letter in enumerate(sequence, start=1) if letter in _REPLACED)
    if replaced:
        notices.append(f"{place}: {_replacement_notice(replaced)}")
    return sequence.translate(_TO_UNKNOWN), replaced, tuple(notices)


def _bad_letter(letter: str, position: int, place: str) -> InputError:
    expected, found = f"only residue letters in {place}", f"{describe(letter)} at position {position}"
    if letter == "*":
        return InputError(expected, f"{found} (a stop inside the chain)", "give one uninterrupted chain")
    if letter in "-.~_":
        return InputError(
            expected, f"{found} (a gap)", "remove the gaps; alignments are given as A3M or Stockholm files"
        )
    return InputError(expected, found, "remove it")


def _doubts(sequence: str, place: str) -> list[InputError]:
    doubts: list[InputError] = []
    num_unknown = sum(sequence.count(letter) for letter in _REPLACED)
    if num_unknown > MAX_UNKNOWN_FRACTION * len(sequence):
        found = f"{num_unknown} of {len(sequence)} residues unknown"
        doubts.append(InputError(f"at most half unknown residues (X) in {place}", found, "correct it, or use force"))
    if len(sequence) >= MIN_NUCLEOTIDE_LENGTH and _NUCLEOTIDES.issuperset(sequence):
        found = "only the letters of nucleotides (A C G T U N)"
        doubts.append(InputError(f"a protein in {place}", found, "translate it, or use force"))
    return doubts


def _replacement_notice(replaced: tuple[tuple[int, str], ...]) -> str:
    shown = ", ".join(f"{letter} at {position}" for position, letter in replaced[:_SHOWN_POSITIONS])
    more = f" and {len(replaced) - _SHOWN_POSITIONS} more" if len(replaced) > _SHOWN_POSITIONS else ""
    return f"{len(replaced)} unknown residue(s) treated as X ({shown}{more}); relaxation skips them"
