"""The layout that FASTA and A3M share: `>` header lines, each followed by lines of sequence."""

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
    starts: list[tuple[str, int]] = []
    parts: list[list[str]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if line.startswith(">"):
            starts.append((line[1:].strip(), number))
            parts.append([])
        elif line and parts:
            parts[-1].append("".join(line.split()))
        elif line:
            found = f"{quote(line)} in line {number}"
            raise InputError(
                f"a '>' header before any other text in {source}", found, "put a line '>name' above each sequence"
            )
    if not starts:
        raise InputError(f"at least one record ('>name' and a sequence) in {source}", "no text", "check the file")
    return tuple(
        RawRecord(header=header, sequence="".join(lines), line=number)
        for (header, number), lines in zip(starts, parts, strict=True)
    )
