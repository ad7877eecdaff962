"""Types of the command line's options: names, placeholders and help."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from alphafold_lite.predict.settings import DeviceName, PrecisionName, RelaxChoice

Fasta = Annotated[str, typer.Option(metavar="FILE", help="Sequences, one target a record; .gz is read, - is stdin.")]
OutDir = Annotated[Path, typer.Option(metavar="DIR", help="Each target gets a folder of its own in here.")]
Params = Annotated[
    str | None,
    typer.Option(
        metavar="NAME_OR_PATH",
        help="A model's name, a file or folder of parameters, lite (bundled), or random:SEED (untrained, for trials). "
        "Default: official parameters in $ALPHAFOLD_LITE_PARAMS or the user data folder; where there are none, lite.",
    ),
]
Models = Annotated[
    str,
    typer.Option(
        metavar="NAMES",
        help="Models by name, with commas; 'all': the five with PAE; 'auto': model_1_ptm, or the bundled lite.",
    ),
]
Msa = Annotated[
    Path | None, typer.Option(metavar="FILE.a3m|FILE.sto", help="An alignment whose first row is the query.")
]
Mode = Annotated[
    str,
    typer.Option(
        metavar="MODES",
        help="Searches for the alignment, with commas: embedded, jackhmmer, hhblits, mmseqs2, server, or single (none). "
        "auto: what reads the databases named, else embedded.",
    ),
]
Databases = Annotated[
    list[str] | None, typer.Option("--database", metavar="PATH[:NAME]", help="A sequence database; may be repeated.")
]
DataDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Databases as AlphaFold's download scripts leave them.")
]
LibraryFolder = Annotated[
    Path | None, typer.Option("--library", metavar="DIR", help="A library made by 'library build'; default: embedded.")
]
Templates = Annotated[
    str, typer.Option(metavar="library|none|PATH", help="Where template structures are looked for; PATH: a database.")
]
TemplateFiles = Annotated[
    list[Path] | None,
    typer.Option("--template", metavar="FILE|DIR", help="Your own structures, .pdb .ent .cif (.gz), tried first."),
]
MaxTemplateDate = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Use no template that was released later.")
]
AllowUndated = Annotated[
    bool, typer.Option("--allow-undated-templates", help="With --max-template-date: use those without a date too.")
]
RequireTemplate = Annotated[bool, typer.Option("--require-template", help="Fail a target that has no template.")]
ServerUrl = Annotated[str, typer.Option(metavar="URL", help="The MSA server of --msa-mode server.")]
ServerContact = Annotated[str, typer.Option(metavar="EMAIL", help="Told to the MSA server, so that it can reach you.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Neither keep searches nor use those that were kept.")]
SearchThreads = Annotated[
    int | None, typer.Option(metavar="N", help="Threads of searches; they change no result. Default: all.")
]
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
Offline = Annotated[
    bool, typer.Option("--offline", help="Open no internet socket; what would need one is refused at the start.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


def show_version(asked: bool) -> None:
    """Print the version on stdout and stop."""
    if asked:
        from alphafold_lite import __version__

        print(f"alphafold-lite {__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")]
