"""`train`: a network trained on known structures."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from alphafold_lite.cli import options
from alphafold_lite.cli.terminal import LOGGER, logged
from alphafold_lite.common.errors import EXIT_INTERRUPTED, EXIT_OK, InputError

if TYPE_CHECKING:
    from alphafold_lite.training.config import TrainingConfig
    from alphafold_lite.training.run_folder import Sources

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


def train(
    out_dir: RunFolder,
    preset: Preset = None,
    data: Data = None,
    validation: Validation = None,
    leave_out: LeaveOut = None,
    homologues: HitFile = None,
    init_from: Start = None,
    steps: Steps = None,
    resume: Resume = False,
    seed: Seed = None,
    device: options.Device = "auto",
    precision: Precision = None,
    workers: Workers = 0,
    settings: Set = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Train a network; several processes: torchrun --nproc-per-node N --no-python alphafold-lite train ...

    Exit codes: 0 done, 2 usage or input, 4 device missing, 130 interrupted (the state is saved), 1 internal.
    """
    from alphafold_lite.training import run_folder  # here, so that --help does not wait for torch

    changes = list(settings or ())
    named = (("run.steps", steps), ("run.seed", seed), ("step.precision", precision))
    changes += [f"{name}={value}" for name, value in named if value is not None]
    if resume:
        if preset or init_from or leave_out:
            raise InputError("--resume without --preset, --init-from and --leave-out", "one of them", "leave it out")
        old, sources = run_folder.reopen(out_dir)
        config = _changed(old, changes)
        run_folder.check_resumable(old, config)
        sources = run_folder.with_overrides(sources, data=data or (), validation=validation or ())
    else:
        config = _changed(_preset(preset), changes)
        sources = run_folder.Sources(
            data=tuple(data or ()),
            validation=tuple(validation or ()),
            leave_out=leave_out,
            start=init_from,
            homologues=homologues,
        )
    with logged(quiet=quiet) as console:
        code = _run(config, sources, out_dir, console, resume=resume, device=device, workers=workers, quiet=quiet)
    raise typer.Exit(code)


def _preset(name: str | None) -> "TrainingConfig":
    from alphafold_lite.training.presets import PRESETS, training_config

    if name is None:
        raise InputError("--preset NAME, or --resume", "neither", f"choose one of {', '.join(PRESETS)}")
    return training_config(name)


def _changed(config: "TrainingConfig", changes: list[str]) -> "TrainingConfig":
    from alphafold_lite.training.settings import override

    return override(config, changes)


def _run(
    config: "TrainingConfig",
    sources: "Sources",
    run: Path,
    console: Console,
    *,
    resume: bool,
    device: str,
    workers: int,
    quiet: bool,
) -> int:
    from alphafold_lite.training import display, distributed, loop, run_folder

    with distributed.joined(distributed.choose_device(device)) as world:
        if world.is_first and not resume:
            run_folder.check_new(run)
        with display.shown(console, steps=config.run.steps, quiet=quiet or not world.is_first) as shown:
            training = loop.Run(config, sources, run, world, display=shown, workers=workers)
            if world.is_first:
                run_folder.record(run, config, sources)
            try:
                training.train()
            except loop.RunInterruptedError as stop:
                logging.getLogger(LOGGER).warning("%s; go on with --resume", stop)
                return EXIT_INTERRUPTED
    return EXIT_OK
