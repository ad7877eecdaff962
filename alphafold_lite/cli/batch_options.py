"""Types of the options that `batch`, `search` and `fold` have in common."""

from typing import Annotated

import typer

from alphafold_lite.batch.settings import EngineName

RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try targets again that failed in an earlier run.")]
Only = Annotated[str | None, typer.Option(metavar="NAMES", help="Only these targets, by name, with commas.")]
SearchWorkers = Annotated[int, typer.Option(metavar="N", help="Processes that search ahead of the folding one.")]
RelaxWorkers = Annotated[int, typer.Option(metavar="N", help="Processes that relax behind the folding one.")]
FoldWorkers = Annotated[
    int | None, typer.Option(metavar="N", help="Processes that fold. Default: one for each GPU, or one on the CPU.")
]
Engine = Annotated[EngineName, typer.Option(help="Where they run: on this machine, or on a Ray cluster.")]
Address = Annotated[
    str | None, typer.Option(metavar="HOST:PORT|auto|local", help="The Ray cluster of --engine ray. Default: auto.")
]
GroupResidues = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Fold targets of at most N residues several at a time; 0: each alone. Default: where that was measured to be faster.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only forecast time and memory, as `estimate` does.")]
TimeLimit = Annotated[float | None, typer.Option(metavar="SECONDS", help="Give a target up after so long.")]
ShardOption = Annotated[
    str | None,
    typer.Option("--shard", metavar="I/N", help="Only part I of N; the others are for other machines. See `merge`."),
]
