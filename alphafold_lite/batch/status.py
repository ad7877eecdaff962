"""Where a batch stands, told from its journal by another process."""

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from alphafold_lite.batch.files import STATE_FOLDER, in_use
from alphafold_lite.batch.schema import open_for_reading
from alphafold_lite.batch.summary import counts, last_run

SHOWN_FAILURES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """Targets by state, the last run, stages by state, and the latest failures (name and reason)."""

    is_running: bool
    targets: dict[str, int]
    stages: dict[str, dict[str, int]]
    run: dict[str, object]
    ended_in_run: int
    failures: tuple[tuple[str, str], ...]

    @property
    def rate(self) -> float:
        """Targets a second, of the last run."""
        seconds = self.run.get("seconds")
        return self.ended_in_run / seconds if isinstance(seconds, float) and seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the rate so far; None where nothing runs or has ended."""
        left = self.targets["pending"] + self.targets["active"]
        return left / self.rate if self.is_running and self.rate > 0 else None

    def to_json_dict(self) -> dict[str, object]:
        """What `status --json` prints."""
        left = self.seconds_left
        return {
            "running": self.is_running,
            "targets": self.targets,
            "stages": self.stages,
            "run": self.run,
            "targets_a_second": round(self.rate, 4),
            "seconds_left": None if left is None else round(left, 1),
            "failures": [{"name": name, "reason": reason} for name, reason in self.failures],
            "asked": time.time(),
        }


def status(out_dir: Path) -> Status:
    """The standing of the batch in an output folder, whether it runs or not.

    Raises:
        InputError: there is no batch in it, or its journal cannot be read.
    """
    with closing(open_for_reading(out_dir / STATE_FOLDER)) as journal:
        run = last_run(journal)
        stages: dict[str, dict[str, int]] = {}
        for stage, state, number in journal.execute("SELECT stage, state, count(*) FROM stages GROUP BY stage, state"):
            stages.setdefault(stage, {})[state] = number
        failures = journal.execute(
            "SELECT name, error FROM targets WHERE state = 'failed' AND run = (SELECT max(id) FROM runs) "
            "ORDER BY finished DESC, number LIMIT ?",
            (SHOWN_FAILURES,),
        ).fetchall()
        ended = journal.execute(
            "SELECT count(*) FROM targets WHERE finished >= ? AND run = (SELECT max(id) FROM runs) AND selected",
            (run.get("started", 0.0),),
        ).fetchone()[0]
        return Status(
            is_running=in_use(out_dir),
            targets=counts(journal),
            stages=stages,
            run=run,
            ended_in_run=ended,
            failures=tuple((name, reason or "") for name, reason in failures),
        )
