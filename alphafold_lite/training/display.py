"""A run as the user sees it: a live bar on a terminal, plain lines on a pipe."""

import logging
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from alphafold_lite.training.records import Display

log = logging.getLogger(__name__)


class LiveDisplay:
    """One bar; lines that stay scroll above it."""

    def __init__(self, bars: Progress, task: TaskID) -> None:
        self._bars, self._task = bars, task

    def advance(self, step: int) -> None:
        self._bars.update(self._task, completed=step)

    def means(self, step: int, text: str) -> None:
        self._bars.update(self._task, completed=step, detail=text)

    def report(self, line: str) -> None:
        log.info("%s", line)


class PlainDisplay:
    """A line each time the means are written."""

    def __init__(self, steps: int) -> None:
        self._steps = steps

    def advance(self, step: int) -> None:
        pass

    def means(self, step: int, text: str) -> None:
        log.info("step %d of %d: %s", step, self._steps, text)

    def report(self, line: str) -> None:
        log.info("%s", line)


@contextmanager
def shown(console: Console, *, steps: int, quiet: bool) -> Generator[Display]:
    """The display that suits the console, until the context ends; lines go through the log."""
    if quiet or not console.is_terminal:
        yield PlainDisplay(steps)
        return
    columns = (
        TextColumn("step {task.completed}/{task.total}"),
        BarColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield LiveDisplay(bars, bars.add_task("train", total=steps, detail="starting"))
