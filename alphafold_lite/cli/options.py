"""Types of the command line's options: names, placeholders and help."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from alphafold_lite.predict.settings import DeviceName, PrecisionName, RelaxChoice

MsaMode = Literal["single"]

Fasta = Annotated[str, typer.Option(metavar="FILE", help="Sequences, one target a record; .gz is read, - is stdin.")]
OutDir = Annotated[Path, typer.Option(metavar="DIR", help="Each target gets a folder of its own in here.")]
Params = Annotated[
    str | None,
    typer.Option(
        metavar="NAME_OR_PATH",
        help="A model's name, a file or folder of parameters, or random:SEED (untrained, for trials). "
        "Default: official parameters in $ALPHAFOLD_LITE_PARAMS or the user data folder.",
    ),
]
Models = Annotated[str, typer.Option(metavar="NAMES", help="Models by name, with commas, or 'all': the five with PAE.")]
Msa = Annotated[
    Path | None, typer.Option(metavar="FILE.a3m|FILE.sto", help="An alignment whose first row is the query.")
]
Mode = Annotated[MsaMode, typer.Option(help="Without --msa: the query alone. Searching databases is yet to come.")]
MaxMsa = Annotated[
    str | None,
    typer.Option(metavar="CLUSTERS:EXTRA", help="MSA rows the network sees. Default: as the model was trained."),
]
Recycles = Annotated[int, typer.Option(metavar="N", help="Times the network reads its own output.")]
Tolerance = Annotated[float, typer.Option(metavar="Å", help="Stop recycling when CA distances change by less.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Same seed, same structures and scores.")]
Seeds = Annotated[int, typer.Option(metavar="N", help="Predictions a model, with seeds SEED, SEED+1, ...")]
Device = Annotated[DeviceName, typer.Option(help="auto: CUDA where there is one, else CPU.")]
Precision = Annotated[PrecisionName, typer.Option(help="auto: bf16 on CUDA, fp32 elsewhere.")]
Relax = Annotated[RelaxChoice, typer.Option(help="Which structures to relax in the Amber force field.")]
Force = Annotated[bool, typer.Option("--force", help="Take sequences that look like nucleotides or are mostly X.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results of another configuration.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, only warnings and results.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a target.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


def show_version(asked: bool) -> None:
    """Print the version on stdout and stop."""
    if asked:
        from alphafold_lite import __version__

        print(f"alphafold-lite {__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")]
