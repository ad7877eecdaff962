"""From a FASTA file of any size to targets in the journal; what is done already is verified."""

import difflib
import json
import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from alphafold_lite.batch.files import damaged, scratch_file
from alphafold_lite.batch.journal import DONE, FAILED, Journal, Target
from alphafold_lite.batch.messages import STAGES, Stage
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.run_record import sha256_of
from alphafold_lite.outputs.scores import to_json
from data_pipeline.parsers.fasta import FastaRecord, RecordProblem, stream_fasta
from data_pipeline.parsers.names import Namer

log = logging.getLogger("alphafold_lite")
TOGETHER = 500  # records in one transaction


def plan(
    settings: BatchSettings, journal: Journal, configuration: str, *, relaxes: bool
) -> Iterator[RecordProblem | None]:
    """List every record, and give those that cannot be used; None stands for each of the others.

    Few are held at a time: names, order and sequences are kept by the journal.

    Args:
        configuration: digest of all that decides the results but the sequence.
        relaxes: whether structures are relaxed.

    Raises:
        InputError: a FASTA file that cannot be read or has no usable record, or --only names that are not in it.
    """
    namer, only = Namer(journal.is_listed), {name.lower() for name in settings.only}
    entries = stream_fasta(settings.fasta, namer, force=settings.force)
    first_problem: RecordProblem | None = None
    usable = False
    problems: list[RecordProblem | None] = [None]
    while problems:
        problems = []
        with journal.together():
            for entry in islice(entries, TOGETHER):
                selected = not only or entry.name.lower() in only
                _list(entry, settings, journal, configuration, selected=selected, relaxes=relaxes)
                usable = usable or isinstance(entry, FastaRecord)
                problems.append(entry if isinstance(entry, RecordProblem) else None)
                first_problem = first_problem or problems[-1]
        yield from problems
    if not usable and first_problem is not None:
        raise first_problem.error
    _check_only(settings.only, journal)


def target_key(configuration: str, chains: Iterable[str]) -> str:
    """What identical targets share: SHA-256 over sequence, configuration and parameters."""
    return sha256_of(to_json([configuration, list(chains)]))


def _list(
    entry: FastaRecord | RecordProblem,
    settings: BatchSettings,
    journal: Journal,
    configuration: str,
    *,
    selected: bool,
    relaxes: bool,
) -> None:
    key = target_key(configuration, entry.chains) if isinstance(entry, FastaRecord) else ""
    known = journal.put(entry, key, selected=selected)
    if known is None or not selected:
        return
    if known["state"] == FAILED and not settings.retry_failed:
        return
    target = journal.get(entry.name)
    broken = first_damaged(target, settings.out_dir, relaxes=relaxes)
    if broken is not None:
        if known["state"] == DONE:
            log.warning("%s: files of its stage %s are missing or damaged; done again", entry.name, broken)
        journal.again(entry.name, since=broken)
    elif known["state"] == FAILED:
        journal.again(entry.name)


def first_damaged(target: Target, out_dir: Path, *, relaxes: bool) -> Stage | None:
    """The first stage that is noted as done and whose files are not as it left them; None where all are."""
    files: dict[str, tuple[Stage, str]] = {}
    for stage in STAGES:
        if stage in target.stages:
            files |= {name: (stage, digest) for name, digest in json.loads(target.stages[stage]["files"]).items()}
    bad = damaged(out_dir / target.name, {name: digest for name, (_, digest) in files.items()})
    stages = [STAGES.index(files[name][0]) for name in bad]
    waits = relaxes and "fold" in target.stages and "write" not in target.stages
    if waits and not scratch_file(out_dir, target.key).is_file():
        stages.append(STAGES.index("fold"))
    return STAGES[min(stages)] if stages else None


def _check_only(only: tuple[str, ...], journal: Journal) -> None:
    missing = [name for name in only if not journal.is_listed(name)]
    if missing:
        near = difflib.get_close_matches(missing[0], list(islice(journal.names(), 10_000)), n=3)
        advice = f"did you mean {', '.join(near)}?" if near else "see summary.csv for the names"
        raise InputError("--only names of records in the FASTA file", repr(missing[0]), advice)
