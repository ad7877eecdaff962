"""Types of the options of `train`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

PrecisionName = Literal["fp32", "bf16"]

RunFolder = Annotated[Path, typer.Option("--out-dir", metavar="RUN", help="Folder of the run.")]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="initial_training, finetuning, cpu_small, gpu_single, lite or tiny; ablations behind plus signs, as in cpu_small+no_templates.",
    ),
]
Data = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE.npz|DIR", help="Chains to learn from; give the option once for each set."),
]
Distilled = Annotated[
    list[str] | None,
    typer.Option(metavar="OUT", help="Predictions to learn from too, as distill leaves them; may be given again."),
]
DistilledShare = Annotated[
    float, typer.Option("--distilled-share", metavar="X", help="Samples that are of --distilled.")
]
Validation = Annotated[
    list[str] | None, typer.Option(metavar="FILE.npz|DIR", help="Chains to be judged by during training.")
]
LeaveOut = Annotated[
    str | None, typer.Option(metavar="FILE.txt", help="Names of chains of the data that must not be trained on.")
]
HitFile = Annotated[
    str | None,
    typer.Option("--homologues", metavar="FILE.npz", help="The chains' hits on each other, offered as templates."),
]
Start = Annotated[
    str | None,
    typer.Option(
        "--init-from", metavar="NAME_OR_PATH", help="Parameters to start from: a run's folder, a file, a name."
    ),
]
Steps = Annotated[int | None, typer.Option(metavar="N", help="Length of the run; default: the preset's.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with the run in --out-dir, to the same result bit by bit.")
]
Seed = Annotated[int | None, typer.Option(metavar="N", help="Same seed, same run.")]
Precision = Annotated[PrecisionName | None, typer.Option(help="bf16 autocast or fp32; default: the preset's.")]
Workers = Annotated[int, typer.Option(metavar="N", help="Processes that prepare data ahead; they change no result.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any setting, such as data.crop_size=96; config.json lists them."),
]
