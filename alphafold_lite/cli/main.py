"""Entry points and the one place where errors become a line and an exit code."""

import difflib
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

import typer

from alphafold_lite.cli import (
    batch,
    cache,
    distill,
    estimate,
    evaluate,
    finetune,
    fold,
    library,
    merge,
    predict,
    search,
    status,
    train,
)
from alphafold_lite.cli.options import Version
from alphafold_lite.cli.terminal import one_line
from alphafold_lite.common.errors import EXIT_INPUT, EXIT_INTERNAL, EXIT_INTERRUPTED, AlphaFoldLiteError

SETTINGS: dict[str, Any] = {
    "help_option_names": ["-h", "--help"],
    "token_normalize_func": lambda name: name.replace("_", "-"),  # --num_recycles is --num-recycles
}

COMMON: dict[str, Any] = {"add_completion": False, "rich_markup_mode": None, "context_settings": SETTINGS}
app = typer.Typer(name="alphafold-lite", no_args_is_help=True, **COMMON)
predict_app = typer.Typer(name="predict", **COMMON)


@app.callback()
def about(version: Version = False) -> None:
    """AlphaFold 2: from a protein's sequence to a relaxed structure with confidence."""


app.command(name="predict")(predict.predict)
app.command(name="batch", context_settings=SETTINGS)(batch.batch)
app.command(name="search", context_settings=SETTINGS)(search.search)
app.command(name="fold", context_settings=SETTINGS)(fold.fold)
app.command(name="merge", context_settings=SETTINGS)(merge.merge)
app.command(name="estimate", context_settings=SETTINGS)(estimate.estimate)
app.command(name="status", context_settings=SETTINGS)(status.status)
app.command(name="train", context_settings=SETTINGS)(train.train)
app.command(name="evaluate", context_settings=SETTINGS)(evaluate.evaluate)
app.command(name="finetune", context_settings=SETTINGS)(finetune.finetune)
app.command(name="distill", context_settings=SETTINGS)(distill.distill)
app.add_typer(library.app, name="library", context_settings=SETTINGS)
app.add_typer(cache.app, name="cache", context_settings=SETTINGS)
predict_app.command(name="predict")(predict.predict)


def entry() -> None:
    """The console script `alphafold-lite`."""
    wait_asleep()
    sys.exit(run(sys.argv[1:], "alphafold-lite"))


def predict_entry() -> None:
    """The console script `predict`, the same as `alphafold-lite predict`."""
    wait_asleep()
    sys.exit(run(sys.argv[1:], "predict", app=predict_app))


def wait_asleep() -> None:
    """Let threads of OpenMP that wait for each other sleep, in this process and those it starts, unless the user says otherwise.

    By default they spin. Where another process needs a core, the thread that all wait for is the one that does not run: on 2 cores with one
    busy a fold took a hundred times as long. Must come before torch is imported, which reads the variable then.
    """
    if "GOMP_SPINCOUNT" not in os.environ:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def run(arguments: Sequence[str], program: str = "alphafold-lite", app: typer.Typer = app) -> int:
    """Run a command line and return the exit code; an error is one line on stderr, with a traceback only under --debug."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)  # so that what was begun is ended in order: programs, temporary files
    try:
        code = typer.main.get_command(app).main(args=list(arguments), prog_name=program, standalone_mode=False)
        sys.stdout.flush()
        if code == EXIT_INTERRUPTED:  # typer turns KeyboardInterrupt into this
            raise KeyboardInterrupt
        return int(code or 0)
    except (KeyboardInterrupt, typer.Abort):
        return _report("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:  # the reader of stdout went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_INTERNAL
    except Exception as error:  # noqa: BLE001 - the last resort: every error becomes one line and an exit code
        if "--debug" in arguments:
            traceback.print_exc()
        return _report(*_explain(error))


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _explain(error: Exception) -> tuple[str, int]:
    if isinstance(error, AlphaFoldLiteError):
        return f"error: {error}", error.exit_code
    if isinstance(error, typer.TyperException):
        return f"error: {_usage(error)}", EXIT_INPUT
    if isinstance(error, MemoryError):
        return (
            "error: expected enough memory, found none left; use a shorter sequence or a larger machine",
            EXIT_INTERNAL,
        )
    return f"internal error: {type(error).__name__}: {error}; run again with --debug for the traceback", EXIT_INTERNAL


def _usage(error: typer.TyperException) -> str:
    context, name = getattr(error, "ctx", None), getattr(error, "option_name", None)
    if context is None or name is None:
        return f"{error.format_message().rstrip('.')}; see --help"
    known = [option for parameter in context.command.params for option in parameter.opts]
    if name in known:
        return f"{error.format_message().rstrip('.')}; see {context.command_path} --help"
    near = difflib.get_close_matches(name.replace("_", "-"), known, n=1)
    advice = f"did you mean {near[0]}?" if near else f"{context.command_path} --help lists them"
    return f"expected an option of {context.command_path}, found {name}; {advice}"


def _report(message: str, code: int) -> int:
    logging.shutdown()
    print(one_line(message), file=sys.stderr)
    return code
