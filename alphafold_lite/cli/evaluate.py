"""`evaluate`: known structures predicted again and scored."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alphafold_lite.cli import options
from alphafold_lite.cli.terminal import LiveProgress, PlainProgress, shown
from alphafold_lite.common.errors import EXIT_OK, EXIT_SOME_FAILED, InputError
from alphafold_lite.evaluate.settings import BaselineKind, EvaluationSettings, InputKind, TemplateKind
from alphafold_lite.predict.settings import Settings, parse_models

if TYPE_CHECKING:
    from alphafold_lite.evaluate.run import ChainReport, Evaluation

Dataset = Annotated[
    Path,
    typer.Option(metavar="FILE.npz|DIR", help="A packed set of chains, or a folder of .pdb and .cif files (also .gz)."),
]
Limit = Annotated[int | None, typer.Option(metavar="N", help="Only so many chains, drawn with --seed.")]
Only = Annotated[Path | None, typer.Option(metavar="FILE.txt", help="Only the chains that this file names.")]
Inputs = Annotated[
    InputKind,
    typer.Option(
        help="What the network is given: search as in predict; auto: profile or msa where every chain has one, else single."
    ),
]
Templates = Annotated[
    TemplateKind,
    typer.Option(
        help="Offered to the network: what a search of the library finds, or (self) each chain's own structure."
    ),
]
Baseline = Annotated[BaselineKind, typer.Option(help="Score this instead of a prediction.")]
LeaveOut = Annotated[
    str | None,
    typer.Option(
        metavar="validation|self|IDS|IDENTITY",
        help="Library chains that may not be used. Default: validation for its chains, else self.",
    ),
]
NumRelaxed = Annotated[int, typer.Option("--relax", metavar="N", help="Relax so many chains; scored before and after.")]
JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all figures and chains here.")]
PlotFile = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw pLDDT against lDDT (needs matplotlib).")
]


def evaluate(
    dataset: Dataset,
    params: options.Params = None,
    models: options.Models = "auto",
    limit: Limit = None,
    only: Only = None,
    seed: options.Seed = 0,
    inputs: Inputs = "auto",
    templates: Templates = "none",
    baseline: Baseline = "none",
    leave_out: LeaveOut = None,
    num_recycles: options.Recycles = 3,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    num_relaxed: NumRelaxed = 0,
    json_file: JsonFile = None,
    plot_file: PlotFile = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Predict chains whose structure is known and say how good the predictions and their confidence are.

    Exit codes: 0 done, 2 usage or input, 3 some chains failed, 4 parameters, tool or device missing, 130 interrupted, 1 internal.
    """
    settings = EvaluationSettings(
        dataset=dataset,
        params=params,
        prediction=Settings(
            models=parse_models(models),
            num_recycles=num_recycles,
            seed=seed,
            device=device,
            precision=precision,
            relax="none",
        ),
        limit=limit,
        only=only,
        inputs=inputs,
        templates=templates,
        baseline=baseline,
        leave_out=leave_out,
        num_relaxed=num_relaxed,
    )
    with shown(quiet=quiet) as progress:
        run = _run if baseline == "none" else _run_baseline
        code = run(settings, progress, json_file, plot_file)
    raise typer.Exit(code)


def _run(
    settings: EvaluationSettings, progress: LiveProgress | PlainProgress, json_file: Path | None, plot_file: Path | None
) -> int:
    """A line a chain as it is done, then the table; an interrupted evaluation writes what it has."""
    from alphafold_lite.evaluate import plots, summary  # here, so that --help does not wait for torch
    from alphafold_lite.evaluate.run import Evaluation
    from alphafold_lite.predict.result import UNTRAINED

    if plot_file is not None:
        plots.check_available()
    evaluation = Evaluation(settings, progress=progress)
    _write(evaluation, json_file, None)  # a file that cannot be written is better known before than after
    try:
        for report in evaluation.run():
            progress.finish()
            print(_line(report), flush=True)
    finally:
        progress.finish()
        _write(evaluation, json_file, plot_file)
    if evaluation.predictor.untrained:
        print(UNTRAINED)
    scores = [report.scores for report in evaluation.reports]
    print(*summary.table_lines(summary.summarise(scores, seed=settings.prediction.seed)), sep="\n")
    return EXIT_SOME_FAILED if evaluation.failures else EXIT_OK


def _run_baseline(
    settings: EvaluationSettings, progress: LiveProgress | PlainProgress, json_file: Path | None, plot_file: Path | None
) -> int:
    from alphafold_lite.evaluate import summary
    from alphafold_lite.evaluate.baseline import TemplateCopy
    from alphafold_lite.outputs.files import write_atomic

    if plot_file is not None:
        raise InputError("--plot with a prediction", f"--baseline {settings.baseline}", "leave --plot out")
    copies = TemplateCopy(settings, progress)
    for scores in copies.run():
        progress.finish()
        print(
            f"{scores.id:<24} {scores.length:>5} residues  TM {scores.tm:.3f}  {scores.template or 'no hit'}",
            flush=True,
        )
    if json_file is not None:
        write_atomic(json_file, copies.report())
    print(*summary.table_lines(copies.summarise()), sep="\n")
    return EXIT_OK


def _line(report: "ChainReport") -> str:
    scores = report.scores
    relaxed = "" if report.relaxed is None else f"  {report.relaxed.result.status}"
    return (
        f"{scores.id:<24} {scores.length:>5} residues  lDDT-CA {scores.lddt_ca:.3f}  TM {scores.superposition.tm:.3f}"
        f"  GDT-TS {scores.superposition.gdt_ts:.3f}  pLDDT {scores.plddt:.3f}{relaxed}"
    )


def _write(evaluation: "Evaluation", json_file: Path | None, plot_file: Path | None) -> None:
    from alphafold_lite.evaluate.plots import confidence_png
    from alphafold_lite.evaluate.report import report_json
    from alphafold_lite.outputs.files import write_atomic

    if json_file is not None:
        write_atomic(json_file, report_json(evaluation))
    if plot_file is not None and evaluation.reports:
        title = f"{evaluation.model.source.name} on {evaluation.settings.dataset.name}, inputs: {evaluation.source}"
        write_atomic(plot_file, confidence_png([report.scores for report in evaluation.reports], title=title))
