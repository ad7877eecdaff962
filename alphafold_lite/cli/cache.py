"""`cache`: finished searches kept for later runs."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from alphafold_lite.common.errors import EXIT_OK, EXIT_SOME_FAILED, InputError
from data_pipeline.cache import CacheInfo, SearchCache, default_folder

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
_DAY = 86_400.0
_MEGABYTE = 1_000_000

Folder = Annotated[
    Path | None,
    typer.Option(
        "--cache-dir",
        metavar="DIR",
        help="Folder of the searches. Default: alphafold_lite/searches in the user's cache folder.",
    ),
]
OlderThan = Annotated[float | None, typer.Option(metavar="DAYS", help="Remove what was not used for so long.")]
MaxSize = Annotated[
    float | None, typer.Option(metavar="MB", help="Remove what was used longest ago until the rest fits.")
]
Everything = Annotated[bool, typer.Option("--all", help="Remove every search.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

app = typer.Typer(
    name="cache",
    help="Finished searches, kept for later runs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings=SETTINGS,
)


@app.command(context_settings=SETTINGS)
def info(cache_dir: Folder = None, as_json: Json = False) -> None:
    """Say how many searches are kept, and where."""
    state = _cache(cache_dir).info()
    if as_json:
        print(json.dumps(_json(state)))
        return
    print(f"{state.folder}: {_amount(state)}")
    if state.oldest_use is not None and state.newest_use is not None:
        print(f"last used between {_day(state.oldest_use)} and {_day(state.newest_use)}")


@app.command(context_settings=SETTINGS)
def verify(cache_dir: Folder = None, as_json: Json = False) -> None:
    """Read every search and name the damaged ones (exit code 3 if there are any)."""
    cache = _cache(cache_dir)
    damaged = cache.verify()
    if as_json:
        faults = [{"path": str(fault.path), "reason": fault.reason} for fault in damaged]
        print(json.dumps({**_json(cache.info()), "damaged": faults}))
    else:
        for fault in damaged:
            print(f"{fault.path}: {fault.reason}")
        print(f"{_amount(cache.info())}, {len(damaged)} damaged")
    raise typer.Exit(EXIT_SOME_FAILED if damaged else EXIT_OK)


@app.command(context_settings=SETTINGS)
def prune(
    cache_dir: Folder = None,
    older_than: OlderThan = None,
    max_size: MaxSize = None,
    everything: Everything = False,
    as_json: Json = False,
) -> None:
    """Remove damaged searches, and old or too many ones when asked to."""
    if (older_than is not None and older_than < 0) or (max_size is not None and max_size < 0):
        raise InputError("numbers of days and megabytes from 0 up", "a negative one", "correct the option")
    if everything and (older_than is not None or max_size is not None):
        raise InputError("--all alone", "--older-than or --max-size with it", "leave one out")
    removed = _cache(cache_dir).prune(
        max_age=None if older_than is None else older_than * _DAY,
        max_bytes=0 if everything else None if max_size is None else int(max_size * _MEGABYTE),
    )
    print(json.dumps(_json(removed)) if as_json else f"removed {_amount(removed)} from {removed.folder}")


def _cache(folder: Path | None) -> SearchCache:
    folder = folder or default_folder()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"a folder {folder}", "a file", "give the folder of the searches")
    return SearchCache(folder)


def _amount(state: CacheInfo) -> str:
    plural = "search" if state.num_entries == 1 else "searches"
    return f"{state.num_entries} {plural}, {state.num_bytes / _MEGABYTE:.1f} MB"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d")


def _json(state: CacheInfo) -> dict[str, object]:
    return {
        "folder": str(state.folder),
        "num_entries": state.num_entries,
        "num_bytes": state.num_bytes,
        "oldest_use": state.oldest_use,
        "newest_use": state.newest_use,
    }
