"""`merge`: shards, or batches of several machines, become one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alphafold_lite.cli import options
from alphafold_lite.cli.terminal import logged

if TYPE_CHECKING:
    from alphafold_lite.batch.merge_sources import MergeReport

SHOWN = 5  # names in a line
Outs = Annotated[list[Path], typer.Argument(metavar="OUT...", help="Output folders, each with its batch or shards.")]
OutDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where everything comes together. Default: the first OUT.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def merge(
    outs: Outs,
    out_dir: OutDir = None,
    quiet: options.Quiet = False,
    as_json: Json = False,
    debug: options.Debug = False,
) -> None:
    """Join the journals and results of shards into one output folder with one summary; checksums are verified, sources stay as they are.

    Exit codes: 0 all targets of all shards are there and done, 2 usage, or sources that do not belong together, 3 some are missing, damaged,
    failed or left, 1 internal.
    """
    from alphafold_lite.batch.merge import merge as join  # here, so that --help does not wait for torch

    place = out_dir or outs[0]
    with logged(quiet=quiet):
        report = join(outs, place)
    print(json.dumps(report.to_json_dict()) if as_json else "\n".join(_lines(report, place)), flush=True)
    raise typer.Exit(report.exit_code)


def _lines(report: "MergeReport", place: Path) -> list[str]:
    states = ", ".join(f"{number} {state}" for state, number in report.targets.items()) or "no targets"
    lines = [f"{place}: {states}, from {len(report.journals)} journals; see {place / 'summary.csv'}"]
    told = {
        "shards missing": report.missing,
        "damaged, to be done again (`alphafold-lite batch` with this folder)": report.damaged,
        "in more than one journal": report.repeated,
    }
    for what, names in told.items():
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            lines.append(f"  {what}: {', '.join(names[:SHOWN])}{more}")
    if report.unlisted:
        lines.append(f"  records of the FASTA file that no shard has listed: {report.unlisted}; run the shards again")
    return lines
