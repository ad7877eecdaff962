"""What a batch shows: on a terminal a live line with the rest scrolling above it, on a pipe a line a target."""

import json
import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from alphafold_lite.batch.processes import warm_up
from alphafold_lite.batch.progress import Standing, TargetEnd
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.cli.terminal import LOGGER, logged, one_line

log = logging.getLogger(LOGGER)
RESULT = "ranked_0.pdb"


class BatchLines:
    """A line (or a JSON object) on stdout for each target, and on a terminal a bar with where the batch stands."""

    def __init__(self, bars: Progress | None, *, as_json: bool, result: str = RESULT) -> None:
        self._bars, self._as_json, self._result = bars, as_json, result
        self.last: Standing | None = None  # where the batch stood when it was last told
        self._task = None if bars is None else bars.add_task("", total=None, detail="loading")

    def standing(self, standing: Standing) -> None:
        """Show where the batch stands."""
        self.last = standing
        if self._bars is None or self._task is None:
            return
        ended = standing.done + standing.failed
        description = f"{ended}/{standing.total} targets"
        self._bars.update(
            self._task, description=description, total=standing.total, completed=ended, detail=standing_text(standing)
        )

    def ended(self, end: TargetEnd) -> None:
        """Print what became of a target."""
        print(json.dumps(_to_json_dict(end)) if self._as_json else _line(end, self._result), flush=True)


def standing_text(standing: Standing) -> str:
    """Failures, targets by stage, rate and time left in a few words."""
    parts = [f"{standing.failed} failed"] if standing.failed else []
    parts += [f"{role} {number}" for role, number in standing.at_work.items() if number]
    if standing.ended_here:
        parts.append(f"{60 * standing.rate:.1f} a minute")
    if standing.seconds_left is not None:
        parts.append(f"{duration(standing.seconds_left)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """`2 d 03:04:05`."""
    whole = round(seconds)
    days, rest = divmod(whole, 86_400)
    clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{days} d {clock}" if days else clock


@contextmanager
def batch_shown(*, quiet: bool, as_json: bool, result: str = RESULT) -> Generator[BatchLines]:
    """Route the log to stderr and give the progress that suits it, until the context ends.

    Args:
        result: the file that the line of a target names.
    """
    with bars_shown(quiet=quiet) as bars:
        yield BatchLines(bars, as_json=as_json, result=result)


@contextmanager
def bars_shown(*, quiet: bool) -> Generator[Progress | None]:
    """Route the log to stderr until the context ends; bars where that is a terminal."""
    with logged(quiet=quiet) as console:
        if quiet or not console.is_terminal:
            yield None
            return
        with _bars(console) as bars:
            yield bars


def carry_out(settings: BatchSettings, *, quiet: bool, as_json: bool) -> int:
    """Run a batch and show it; the exit code."""
    warm_up()
    from alphafold_lite.batch.run import run_batch  # here, so that --help and bad input do not wait for torch
    from alphafold_lite.batch.summary import summary_folder

    result = "features.npz" if settings.part == "search" else RESULT
    with batch_shown(quiet=quiet, as_json=as_json, result=result) as progress:
        code = run_batch(settings, progress)
        if progress.last is not None:
            summary = summary_folder(settings.out_dir, settings.shard) / "summary.csv"
            log.info("%s; see %s", closing_text(progress.last), summary)
    return code


def closing_text(standing: Standing) -> str:
    """What became of all targets, those of earlier runs too, and how fast this run was."""
    parts = [f"{standing.done} of {standing.total} targets done"]
    parts += [f"{standing.failed} failed"] if standing.failed else []
    if standing.ended_here:
        parts.append(f"{standing.ended_here} in this run ({duration(standing.seconds)})")
    return ", ".join(parts)


def _bars(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
        TimeElapsedColumn(),
    )
    drawn = sys.stdout.isatty()  # only a stdout on the same terminal may be drawn around
    return Progress(*columns, console=console, transient=True, redirect_stdout=drawn, redirect_stderr=False)


def _line(end: TargetEnd, result: str) -> str:
    if end.error is not None:
        return f"{end.name}: failed: {one_line(end.error)}"
    if end.copied_from is not None:
        return f"{end.name}: the same sequence as {end.copied_from}, {end.folder / result}"
    caution = "UNTRAINED network, not a prediction: " if end.untrained else ""
    plddt = "done" if end.mean_plddt is None else f"mean pLDDT {end.mean_plddt:.1f}"
    ptm = "" if end.ptm is None else f", pTM {end.ptm:.2f}"
    return f"{end.name}: {caution}{plddt}{ptm}, {end.folder / result}"


def _to_json_dict(end: TargetEnd) -> dict[str, object]:
    return {
        "name": end.name,
        "status": end.state,
        "error": end.error,
        "folder": str(end.folder),
        "mean_plddt": None if end.mean_plddt is None else round(end.mean_plddt, 2),
        "ptm": None if end.ptm is None else round(end.ptm, 4),
        "untrained": end.untrained,
        "same_as": end.copied_from,
    }
