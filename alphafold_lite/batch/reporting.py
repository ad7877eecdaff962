"""From entries on their way to what the progress is told."""

import logging
from pathlib import Path

from alphafold_lite.batch.entry import Entry
from alphafold_lite.batch.progress import BatchProgress, Standing, TargetEnd
from alphafold_lite.batch.rows import DONE, FAILED, PENDING
from data_pipeline.complexes import complex_note
from data_pipeline.parsers.fasta import FastaRecord, RecordProblem

log = logging.getLogger("alphafold_lite")


class Reporter:
    """Tells the progress what happens. `counts` of the journal are set once and kept up here: a long journal takes a while to count.

    Args:
        progress: who is told.
        out_dir: where the folders of the targets are.
    """

    def __init__(self, progress: BatchProgress, out_dir: Path) -> None:
        self._progress, self._out_dir, self._ended = progress, out_dir, 0
        self.counts: dict[str, int] = {PENDING: 0, DONE: 0, FAILED: 0}
        self.untrained = False

    def problem(self, problem: RecordProblem) -> None:
        """A record that cannot be used; the journal counts it."""
        folder = self._out_dir / problem.name
        self._progress.ended(TargetEnd(name=problem.name, state=FAILED, error=str(problem.error), folder=folder))

    def ended(self, entry: Entry, state: str) -> None:
        """A target is done or failed."""
        self._ended += 1
        self.counts[state] += 1
        self.counts[PENDING] -= 1
        plddt, ptm, source = (entry.details.get(name) for name in ("mean_plddt", "ptm", "copied_from"))
        self._progress.ended(
            TargetEnd(
                name=entry.target.name,
                state=state,
                error=entry.error,
                mean_plddt=plddt if isinstance(plddt, float) else None,
                ptm=ptm if isinstance(ptm, float) else None,
                untrained=self.untrained,
                copied_from=source if isinstance(source, str) else None,
                folder=self._out_dir / entry.target.name,
            )
        )

    def standing(self, at_work: dict[str, int], seconds: float) -> None:
        """Where the batch stands."""
        standing = Standing(
            total=sum(self.counts.values()),
            done=self.counts[DONE],
            failed=self.counts[FAILED],
            at_work=at_work,
            ended_here=self._ended,
            seconds=seconds,
        )
        self._progress.standing(standing)


def warn_of(record: FastaRecord) -> None:
    """What `predict` says of a record, too."""
    for notice in record.notices:
        log.warning("%s", notice)
    if (note := complex_note(record.chains)) is not None:
        log.warning("%s: %s", record.name, note)
