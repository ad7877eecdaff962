"""`train`: a network trained on known structures."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from alphafold_lite.cli import options, train_options
from alphafold_lite.cli.terminal import LOGGER, logged
from alphafold_lite.common.errors import EXIT_INTERRUPTED, EXIT_OK, InputError

if TYPE_CHECKING:
    from alphafold_lite.training.config import TrainingConfig
    from alphafold_lite.training.run_folder import Sources


def train(
    out_dir: train_options.RunFolder,
    preset: train_options.Preset = None,
    data: train_options.Data = None,
    distilled: train_options.Distilled = None,
    distilled_share: train_options.DistilledShare = 0.75,
    validation: train_options.Validation = None,
    leave_out: train_options.LeaveOut = None,
    homologues: train_options.HitFile = None,
    init_from: train_options.Start = None,
    steps: train_options.Steps = None,
    resume: train_options.Resume = False,
    seed: train_options.Seed = None,
    device: options.Device = "auto",
    precision: train_options.Precision = None,
    workers: train_options.Workers = 0,
    settings: train_options.Set = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Train a network; several processes: torchrun --nproc-per-node N --no-python alphafold-lite train ...

    Exit codes: 0 done, 2 usage or input, 4 device missing, 130 interrupted (the state is saved), 1 internal.
    """
    from alphafold_lite.training import mixing, run_folder  # here, so that --help does not wait for torch

    changes = list(settings or ())
    named = (("run.steps", steps), ("run.seed", seed), ("step.precision", precision))
    changes += [f"{name}={value}" for name, value in named if value is not None]
    if resume:
        if preset or init_from or leave_out or distilled:
            expected = "--resume without --preset, --init-from, --leave-out and --distilled"
            raise InputError(expected, "one of them", "leave it out; the run keeps its own")
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
        if distilled:
            config, sources = mixing.with_distilled(config, sources, distilled, distilled_share)
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
