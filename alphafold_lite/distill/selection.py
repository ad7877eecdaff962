"""Which sequences of a FASTA file are predicted; every other is named with its reason."""

from dataclasses import dataclass

from alphafold_lite.batch.shards import distinct_namer
from alphafold_lite.common.errors import InputError
from alphafold_lite.distill.settings import SELECTED, DistillSettings, Rules
from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.outputs.run_record import sha256_of
from data_pipeline.parsers.fasta import FastaRecord, RecordProblem, stream_fasta


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """A record that is not predicted."""

    name: str
    length: int
    reason: str


def select(settings: DistillSettings) -> tuple[list[str], dict[str, LeftOut]]:
    """Write the FASTA file of the batch, under the names that its targets get.

    Returns:
        The names of all records in their order, and those that are left out.

    Raises:
        InputError: a file that cannot be read, or no sequence that can be used.
    """
    names: list[str] = []
    left_out: dict[str, LeftOut] = {}
    texts: list[str] = []
    seen: dict[str, str] = {}  # names by sequence
    for record in stream_fasta(settings.batch.fasta, distinct_namer(), force=settings.batch.force):
        names.append(record.name)
        reason = _problem(record, settings.rules, seen)
        if reason is None and isinstance(record, FastaRecord):
            seen[sha256_of(record.sequence)] = record.name
            texts.append(f">{record.name} {record.header}\n{record.sequence}\n")
        else:
            length = len(record.sequence) if isinstance(record, FastaRecord) else 0
            left_out[record.name] = LeftOut(name=record.name, length=length, reason=reason or "")
    if not texts:
        found = f"none of {len(names)}; {next(iter(left_out.values())).reason}" if left_out else "none"
        expected = f"sequences of {settings.rules.min_length} to {settings.rules.max_length} residues"
        raise InputError(expected, found, "give other sequences, or other limits")
    write_atomic(settings.out / SELECTED, "".join(texts))
    return names, left_out


def _problem(record: FastaRecord | RecordProblem, rules: Rules, seen: dict[str, str]) -> str | None:
    """Why a record is not predicted; None where it is."""
    if isinstance(record, RecordProblem):
        return str(record.error)
    length = len(record.sequence)
    if len(record.chains) > 1:
        return f"a complex of {len(record.chains)} chains"
    if length < rules.min_length:
        return f"{length} residues, fewer than {rules.min_length}"
    if length > rules.max_length:
        return f"{length} residues, more than {rules.max_length}"
    same = seen.get(sha256_of(record.sequence))
    return None if same is None else f"the same sequence as {same}"
