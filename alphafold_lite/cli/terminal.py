"""What the user sees on stderr: a live line on a terminal, plain lines on a pipe, nothing but warnings with --quiet."""

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

LOGGER = "alphafold_lite"


def one_line(message: str) -> str:
    """The message without line breaks and control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(message.split()))


class LiveProgress:
    """A rich line for the stage in hand with recycle and Evoformer block; what is done scrolls above it."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: TaskID | None = None
        self._target, self._pass, self._passes = "", 1, 1

    def target(self, name: str, number: int, total: int) -> None:
        self._target = f"{name} ({number}/{total})" if total > 1 else name

    def stage(self, name: str) -> None:
        self.finish()
        description = f"{self._target}: {name}" if self._target else name
        self._task = self._bars.add_task(description, total=None, detail="")

    def recycle(self, number: int, total: int) -> None:
        self._pass, self._passes = number, total
        self._update(f"recycle {number - 1}/{total - 1}", float(number - 1), float(total))

    def block(self, number: int, total: int) -> None:
        detail = f"recycle {self._pass - 1}/{self._passes - 1} block {number}/{total}"
        self._update(detail, self._pass - 1 + number / total, float(self._passes))

    def finish(self) -> None:
        """Take the line away."""
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None

    def _update(self, detail: str, completed: float, total: float) -> None:
        if self._task is not None:
            self._bars.update(self._task, detail=detail, completed=completed, total=total)


class PlainProgress:
    """One line for each target, stage and recycle; blocks are left out."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._stage = ""

    def target(self, name: str, number: int, total: int) -> None:
        self._log.info("target %d of %d: %s", number, total, name)

    def stage(self, name: str) -> None:
        self._stage = name
        self._log.info("%s", name)

    def recycle(self, number: int, total: int) -> None:
        self._log.info("%s: recycle %d of %d", self._stage, number - 1, total - 1)

    def block(self, number: int, total: int) -> None:
        pass

    def finish(self) -> None:
        """Nothing stays to be taken away."""


class StderrHandler(logging.Handler):
    """Log records as single lines on the console, above the live line where there is one."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        prefix = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        line = prefix + one_line(record.getMessage())
        style = (
            "yellow" if record.levelno == logging.WARNING else "bold red" if record.levelno > logging.WARNING else ""
        )
        self._console.print(Text(line, style=style), soft_wrap=True)


@contextmanager
def shown(*, quiet: bool) -> Generator[LiveProgress | PlainProgress]:
    """Route the log to stderr and give the progress that suits it, until the context ends."""
    with logged(quiet=quiet) as console:
        if quiet or not console.is_terminal:
            yield PlainProgress(logging.getLogger(LOGGER))
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
        )
        # Only a stdout on the same terminal may be drawn around; one that goes to a file or pipe is left alone.
        drawn = sys.stdout.isatty()
        with Progress(*columns, console=console, transient=True, redirect_stdout=drawn, redirect_stderr=False) as bars:
            yield LiveProgress(bars)


@contextmanager
def logged(*, quiet: bool) -> Generator[Console]:
    """Route the log to stderr until the context ends."""
    console = Console(stderr=True)
    log, handler = logging.getLogger(LOGGER), StderrHandler(console)
    log.addHandler(handler)
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    log.propagate = False
    try:
        yield console
    finally:
        log.removeHandler(handler)
        sys.stderr.flush()
