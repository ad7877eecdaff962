"""From a FASTA file of any size to targets in the journal; what is done already is verified."""

import difflib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from sqlite3 import Row

from alphafold_lite.batch.apart import RESULTLESS, search_alone, search_to_text
from alphafold_lite.batch.files import damaged, distogram_file, scratch_file
from alphafold_lite.batch.journal import Journal, Target
from alphafold_lite.batch.messages import STAGES, Ready, Stage
from alphafold_lite.batch.rows import DONE, FAILED, PENDING, SEARCHED
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.batch.shards import Division, distinct_namer, entries_of_shard
from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.run_record import sha256_of
from alphafold_lite.outputs.scores import to_json
from data_pipeline.parsers.fasta import FastaRecord, RecordProblem, stream_fasta
from data_pipeline.parsers.names import Namer
from data_pipeline.parsers.text import STANDARD_INPUT

log = logging.getLogger("alphafold_lite")
TOGETHER = 500  # records in one transaction


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """What a run takes its targets by.

    Args:
        configuration: digest of all that decides the results but the sequence.
        former: the digest of the searches alone, which the run goes on from.
        relaxes: whether structures are relaxed.
    """

    configuration: str
    former: str
    relaxes: bool

    def keys(self, record: FastaRecord) -> tuple[str, str]:
        """The key of a target, and the one that it had when it was searched alone."""
        return target_key(self.configuration, record.chains), target_key(self.former, record.chains)


def begin(settings: BatchSettings, journal: Journal, ready: Ready) -> Iterator[RecordProblem | None]:
    """Begin a run in the journal and list every record of it, as `plan` does.

    Raises:
        InputError: as `plan`, or results of another configuration without --overwrite.
    """
    if ready.identity is None or ready.search is None:
        raise ValueError("a worker that does not say what it is")
    course = _course(settings, journal, ready)
    division, notes = None, {} if settings.part == "fold" else {"search": search_to_text(ready.search)}
    if settings.shard is not None and settings.part != "fold":
        division = Division(settings.fasta, settings.shard.number, force=settings.force)
        notes |= {"shard": str(settings.shard), "division": division.fingerprint}
        notes["records"] = str(division.num_records)
        if journal.note("division") not in (None, division.fingerprint):
            log.warning("%s has other sequences than before: they are divided anew among the shards", settings.fasta)
    _check_replaced(settings, journal, course, division)
    journal.only_searched = settings.part == "fold"
    journal.begin_run(course.configuration, **notes)
    yield from plan(settings, journal, course, division)


def plan(
    settings: BatchSettings, journal: Journal, course: Course, division: Division | None = None
) -> Iterator[RecordProblem | None]:
    """List every record, and give those that cannot be used; None stands for each of the others.

    Few are held at a time: names, order and sequences are kept by the journal.

    Raises:
        InputError: a FASTA file that cannot be read or has no usable record, or --only names that are not in it.
    """
    if settings.part == "fold":
        entries = journal.listed_before()
    elif settings.shard is not None and division is not None:
        entries = entries_of_shard(division, settings.shard, settings.fasta, force=settings.force)
    else:
        entries = stream_fasta(settings.fasta, Namer(journal.is_listed), force=settings.force)
    only = {name.lower() for name in settings.only}
    first_problem: RecordProblem | None = None
    usable = False
    problems: list[RecordProblem | None] = [None]
    while problems:
        problems = []
        with journal.together():
            for entry in islice(entries, TOGETHER):
                problem = entry if isinstance(entry, RecordProblem) else None
                problems.append(problem)
                usable, first_problem = usable or problem is None, first_problem or problem
                if entry is not None:
                    selected = not only or entry.name.lower() in only
                    _list(entry, settings, journal, course, selected=selected)
        yield from problems
    if not usable and first_problem is not None:
        raise first_problem.error
    _check_only(settings, journal)


def _course(settings: BatchSettings, journal: Journal, ready: Ready) -> Course:
    if ready.identity is None or ready.search is None:
        raise ValueError("a worker that does not say what it is")
    configuration, former = configuration_digest(ready), configuration_digest(search_alone(ready.search))
    if settings.part == "search" and journal.note("search") == search_to_text(ready.search):
        configuration = journal.configuration or configuration  # that of the run that folds what was searched
    relaxes = ready.identity.configuration["relax"] != "none"
    return Course(configuration=configuration, former=former, relaxes=relaxes)


def _check_replaced(settings: BatchSettings, journal: Journal, course: Course, division: Division | None) -> None:
    """Raise InputError where a target of this run has results of another configuration that would be replaced unasked."""
    if settings.overwrite or journal.configuration in (None, course.configuration, course.former):
        return
    expected = f"no results of another configuration in {settings.out_dir}"
    action = "give --overwrite to replace them, or another --out-dir"
    error = InputError(expected, "a batch with other settings, parameters or device", action)
    if settings.part == "fold" or settings.fasta == STANDARD_INPUT:
        raise error
    for entry in stream_fasta(settings.fasta, distinct_namer(), force=settings.force):
        if division is not None and settings.shard is not None and division.shard_of(entry) != settings.shard.index:
            continue
        known = journal.known(entry.name)
        if known is None or not isinstance(entry, FastaRecord) or known["state"] not in (DONE, SEARCHED):
            continue
        if known["key"] not in course.keys(entry):
            raise error


def configuration_digest(ready: Ready) -> str:
    """SHA-256 of all that decides the results but the sequences."""
    if ready.identity is None or ready.search is None:
        raise ValueError("nothing to tell configurations apart by")
    search = {name: value for name, value in asdict(ready.search).items() if name not in RESULTLESS}
    search = {name: str(value) for name, value in search.items()}
    identity = ready.identity
    return sha256_of(to_json([identity.configuration, identity.seeds, identity.parameters, search]))


def target_key(configuration: str, chains: Iterable[str]) -> str:
    """What identical targets share: SHA-256 over sequence, configuration and parameters."""
    return sha256_of(to_json([configuration, list(chains)]))


def _list(
    entry: FastaRecord | RecordProblem, settings: BatchSettings, journal: Journal, course: Course, *, selected: bool
) -> None:
    keys = course.keys(entry) if isinstance(entry, FastaRecord) else ("",)
    before = journal.known(entry.name) if settings.part == "fold" else None
    if before is not None and before["key"] not in keys:  # folded by others; what was found for it holds
        keys = (*keys, before["key"])
        journal.again(entry.name, since="fold")
    known = journal.put(entry, *keys, selected=selected)
    if known is None or not selected:
        return
    if known["state"] == FAILED and not settings.retry_failed:
        return
    target = journal.get(entry.name)
    broken = first_damaged(target, settings, relaxes=course.relaxes)
    if settings.part == "search" and "features" in target.stages and broken not in ("search", "features"):
        if known["state"] == PENDING:
            journal.done(entry.name, SEARCHED)
    elif broken is not None:
        if known["state"] in (DONE, SEARCHED):
            again = "it has to be searched again" if settings.part == "fold" and broken == "features" else "done again"
            log.warning("%s: files of its stage %s are missing or damaged; %s", entry.name, broken, again)
        journal.again(entry.name, since=broken)
    elif known["state"] in (FAILED, SEARCHED):
        journal.again(entry.name)


def first_damaged(target: Target, settings: BatchSettings, *, relaxes: bool) -> Stage | None:
    """The first stage that is noted as done and whose files are not as it left them; None where all are."""
    broken = first_broken(target.stages, settings.out_dir / target.name)
    stages = [] if broken is None else [STAGES.index(broken)]
    waits = relaxes and "fold" in target.stages and "write" not in target.stages
    if waits and not scratch_file(settings.out_dir, target.key, settings.shard).is_file():
        stages.append(STAGES.index("fold"))
    folded = settings.prediction.distogram_band and ("fold" in target.stages or "write" in target.stages)
    if folded and not distogram_file(settings.out_dir, target.key, settings.shard).is_file():
        stages.append(STAGES.index("fold"))
    return STAGES[min(stages)] if stages else None


def noted_files(stages: Mapping[Stage, Row]) -> dict[str, tuple[Stage, str]]:
    """The files of stages that are done: path in the target's folder, the last stage that wrote it, its digest."""
    files: dict[str, tuple[Stage, str]] = {}
    for stage in STAGES:
        if stage in stages:
            files |= {name: (stage, digest) for name, digest in json.loads(stages[stage]["files"]).items()}
    return files


def first_broken(stages: Mapping[Stage, Row], folder: Path) -> Stage | None:
    """The first of stages that are done whose files are missing or damaged; None where all are as they were written."""
    files = noted_files(stages)
    bad = damaged(folder, {name: digest for name, (_, digest) in files.items()})
    bad_stages: list[Stage] = [files[name][0] for name in bad]
    return min(bad_stages, key=STAGES.index, default=None)


def _check_only(settings: BatchSettings, journal: Journal) -> None:
    missing = [name for name in settings.only if not journal.is_listed(name)]
    if missing and settings.shard is None:  # which of the other shards have them is not known here
        near = difflib.get_close_matches(missing[0], list(islice(journal.names(), 10_000)), n=3)
        advice = f"did you mean {', '.join(near)}?" if near else "see summary.csv for the names"
        raise InputError("--only names of records in the FASTA file", repr(missing[0]), advice)
