"""`library build` and `library info`: libraries of sequences and structures to search in."""

import json
import logging
from pathlib import Path
from typing import Annotated

import typer

from alphafold_lite.cli import options
from alphafold_lite.cli.terminal import LOGGER, logged
from alphafold_lite.common.errors import EXIT_OK

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Structures = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder of mmCIF and PDB files (also .gz), subfolders included.")
]
Sequences = Annotated[Path | None, typer.Option(metavar="FASTA", help="Sequences for alignments (also .gz).")]
Out = Annotated[Path, typer.Option("--out", metavar="LIB", help="Folder of the library; must not exist yet.")]
Lib = Annotated[Path | None, typer.Argument(metavar="[LIB]", help="Folder of a library. Default: the embedded one.")]
JsonText = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback()
def about() -> None:
    """Libraries of sequences and structures to search in."""


@app.command()
def build(
    out: Out,
    structures: Structures = None,
    sequences: Sequences = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Pack structures and sequences into a library for --library.

    What cannot be used is named on stderr and left out. Exit codes: 0 done, 2 usage, or nothing usable.
    """
    from data_pipeline.library.building import build_library  # here, so that --help does not wait for gemmi

    with logged(quiet=quiet):
        report = build_library(structures, sequences, out)
        for skipped in report.skipped:
            logging.getLogger(LOGGER).warning("left out %s: %s", skipped.name, skipped.reason)
    print(f"{out}: {report.num_chains} chains, {report.num_sequences} sequences, {len(report.skipped)} left out")
    raise typer.Exit(EXIT_OK)


@app.command()
def info(lib: Lib = None, as_json: JsonText = False, debug: options.Debug = False) -> None:
    """Say what a library holds. Every file is read and its checksum verified."""
    from data_pipeline.library.info import library_info
    from data_pipeline.library.library import Library

    found = library_info(Library.embedded() if lib is None else Library.open(lib))
    if as_json:
        print(json.dumps(found.to_json_dict()))
        return
    for label, value in found.rows():
        print(f"{label:<22}{value}")
