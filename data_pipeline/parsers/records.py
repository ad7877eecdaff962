"""The layout that FASTA and A3M share: `>` header lines, each followed by lines of sequence."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.text import quote


@dataclass(frozen=True, kw_only=True, slots=True)
class RawRecord:
    """One header and its letters, white space removed, nothing else judged."""

    header: str
    sequence: str
    line: int  # number of the header line, from 1


def split_records(text: str, *, source: str) -> tuple[RawRecord, ...]:
    """Cut text into records.

    Raises:
        InputError: no record at all, or text before the first header.
    """
    return tuple(iterate_records(text.split("\n"), source=source))


def iterate_records(lines: Iterable[str], *, source: str) -> Iterator[RawRecord]:
    """Records as their lines come, one held at a time; errors as `split_records`."""
    header, start, parts = "", 0, list[str]()
    for number, line in enumerate(lines, start=1):
        line = line.strip()
        if line.startswith(">"):
            if start:
                yield RawRecord(header=header, sequence="".join(parts), line=start)
            header, start, parts = line[1:].strip(), number, []
        elif line and start:
            parts.append("".join(line.split()))
        elif line:
            found = f"{quote(line)} in line {number}"
            raise InputError(
                f"a '>' header before any other text in {source}", found, "put a line '>name' above each sequence"
            )
    if not start:
        raise InputError(f"at least one record ('>name' and a sequence) in {source}", "no text", "check the file")
    yield RawRecord(header=header, sequence="".join(parts), line=start)
