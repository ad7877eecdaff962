"""`finetune`: a trained network trained further on a folder of structures."""

import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from alphafold_lite.cli import options
from alphafold_lite.cli.batch_progress import duration
from alphafold_lite.cli.terminal import LOGGER, logged
from alphafold_lite.common.errors import EXIT_INTERRUPTED, EXIT_OK, InputError

if TYPE_CHECKING:
    from alphafold_lite.finetune.run import Job

GIB = 2**30
Structures = Annotated[
    str | None,
    typer.Option(metavar="DIR", help="Structures to learn from: .pdb .ent .cif .mmcif, also .gz, and in subfolders."),
]
Start = Annotated[
    str | None, typer.Option(metavar="NAME_OR_PATH", help="Parameters to start from, as predict takes them; or a run.")
]
OutFolder = Annotated[Path, typer.Option("--out-dir", metavar="OUT", help="Folder of the run; predict --params OUT.")]
Ids = Annotated[str | None, typer.Option(metavar="FILE.txt", help="Only these chains (1ABC_A) or structures (1ABC).")]
MsaDir = Annotated[
    str | None, typer.Option(metavar="DIR", help="Alignments by name, such as 1ABC_A.a3m; others are searched for.")
]
ValidationIds = Annotated[
    str | None, typer.Option(metavar="FILE.txt", help="Chains to be judged by, in the place of drawn clusters.")
]
Share = Annotated[float, typer.Option("--validation-share", metavar="X", help="Chains that are judged, by clusters.")]
Identity = Annotated[
    float, typer.Option("--cluster-identity", metavar="X", help="Chains that share more stay on one side of the split.")
]
Resolution = Annotated[float, typer.Option(metavar="Å", help="Leave out structures of a worse resolution.")]
Shortest = Annotated[int, typer.Option(metavar="N", help="Leave out chains of fewer residues.")]
FreezeChoice = Annotated[
    Literal["trunk", "structure"] | None, typer.Option(help="What does not learn: all but structure module and heads, or it.")
]  # fmt: skip
Rank = Annotated[
    int, typer.Option("--lora", metavar="RANK", help="Learn low-rank adapters only; the result is merged.")
]
CropSize = Annotated[
    int | None, typer.Option("--crop", metavar="N", help="Residues a sample. Default: by the network.")
]
Steps = Annotated[int | None, typer.Option(metavar="N", help="Length of the training. Default: by the network.")]
Rate = Annotated[float | None, typer.Option("--lr", metavar="X", help="Learning rate. Default: by the network.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with what is in --out-dir; its other options are known.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be used, and the time and memory it takes.")]
Workers = Annotated[int, typer.Option(metavar="N", help="Processes that prepare data ahead; they change no result.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting, as for train.")]


def finetune(
    out_dir: OutFolder,
    structures: Structures = None,
    params: Start = None,
    ids: Ids = None,
    msa_dir: MsaDir = None,
    validation_ids: ValidationIds = None,
    validation_share: Share = 0.1,
    cluster_identity: Identity = 0.3,
    max_resolution: Resolution = 9.0,
    min_length: Shortest = 30,
    library: options.LibraryFolder = None,
    freeze: FreezeChoice = None,
    lora: Rank = 0,
    crop: CropSize = None,
    steps: Steps = None,
    lr: Rate = None,
    seed: options.Seed = 0,
    resume: Resume = False,
    dry_run: DryRun = False,
    device: options.Device = "auto",
    workers: Workers = 0,
    search_threads: options.SearchThreads = None,
    settings: Set = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Train a network further on structures, and say what that did to its accuracy; several GPUs: torchrun --nproc-per-node N --no-python ...

    Exit codes: 0 done, 2 usage or input, 4 parameters or device missing, 130 interrupted (the state is saved), 1 internal.
    """
    from alphafold_lite.finetune import run  # here, so that --help does not wait for torch
    from alphafold_lite.finetune.settings import FilterSettings, FinetuneSettings, SplitSettings

    if resume:
        if any((structures, params, ids, msa_dir, validation_ids, library, freeze, lora, crop, lr, settings)):
            action = "leave the others out; they are those of the run"
            raise InputError("--resume with --out-dir alone, or with --steps", "other options", action)
        request = run.resumed(out_dir, steps=steps)
    else:
        if structures is None or params is None:
            raise InputError("--structures DIR and --params NAME, or --resume", "neither or one", "give both")
        request = FinetuneSettings(
            structures=structures, params=params, ids=ids, msa_dir=msa_dir,
            library=None if library is None else str(library),
            filters=FilterSettings(max_resolution=max_resolution, min_length=min_length),
            split=SplitSettings(share=validation_share, identity=cluster_identity, names=validation_ids),
            freeze=freeze, lora=lora, crop=crop, steps=steps, learning_rate=lr, seed=seed, changes=tuple(settings or ()),
        )  # fmt: skip
    job = run.Job(settings=request, out=out_dir, resume=resume, device=device, workers=workers, threads=search_threads)
    with logged(quiet=quiet) as console:
        code = _dry(job) if dry_run else _run(job, console, quiet=quiet)
    raise typer.Exit(code)


def _run(job: "Job", console: Any, *, quiet: bool) -> int:
    from alphafold_lite.finetune import report, run
    from alphafold_lite.training.display import shown
    from alphafold_lite.training.loop import RunInterruptedError

    silent = quiet or run.Process.from_environment().rank > 0
    try:
        outcome = run.finetune(job, lambda steps: shown(console, steps=steps, quiet=silent))
    except RunInterruptedError as stop:
        logging.getLogger(LOGGER).warning("%s; go on with --resume", stop)
        return EXIT_INTERRUPTED
    if outcome is not None:
        print(*(() if outcome.comparison is None else report.table_lines(outcome.comparison)), sep="\n")
        print(*report.notes_of(outcome), f"predict --params {job.out}; see {job.out / run.HTML}", sep="\n")
    return EXIT_OK


def _dry(job: "Job") -> int:
    """What would be used, from the structures themselves, and one sample computed."""
    from alphafold_lite.finetune import planning

    plan = planning.plan(job)
    found, expected = plan.survey, plan.estimate
    judged = int(found.is_validation.sum())
    sizes = Counter(found.clusters.tolist())
    print(f"files            {found.num_files}")
    print(f"chains           {len(found.chains) - judged} to learn from, {judged} for validation")
    print(f"clusters         {len(sizes)}, the largest of {max(sizes.values())} chains")
    for kind, count in Counter(rejection.kind for rejection in found.rejected).most_common():
        print(f"left out         {count}: {kind}")
    print(f"searches         about {duration(plan.search_seconds)} for {plan.num_to_search} chains (two threads)")
    print(f"learning         {expected.num_learning:,} of {expected.num_parameters:,} parameters")
    times = f"{duration(expected.low_seconds)} to {duration(expected.high_seconds)}"
    print(f"training         {times} for {plan.steps} steps of {plan.batch} crops of {plan.crop} on {plan.device}")
    print(f"memory           about {expected.peak_bytes / GIB:.2f} GiB{plan.free_text}")
    if expected.measured_crop < plan.crop:
        print(f"                 extrapolated from a crop of {expected.measured_crop}; validation is not counted")
    return EXIT_OK
