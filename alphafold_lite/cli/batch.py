"""`batch`: many targets, unattended."""

from pathlib import Path
from typing import Annotated

import typer

from alphafold_lite.batch.processes import warm_up
from alphafold_lite.batch.settings import BatchSettings, parse_names
from alphafold_lite.cli import options
from alphafold_lite.cli.batch_progress import batch_shown
from alphafold_lite.cli.given import prediction_settings, search_config
from data_pipeline.search.server.settings import DEFAULT_URL

RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try targets again that failed in an earlier run.")]
Only = Annotated[str | None, typer.Option(metavar="NAMES", help="Only these targets, by name, with commas.")]
SearchWorkers = Annotated[int, typer.Option(metavar="N", help="Processes that search ahead of the folding one.")]
RelaxWorkers = Annotated[int, typer.Option(metavar="N", help="Processes that relax behind the folding one.")]
TimeLimit = Annotated[float | None, typer.Option(metavar="SECONDS", help="Give a target up after so long.")]


def batch(
    fasta: options.Fasta,
    out_dir: options.OutDir = Path("predictions"),
    params: options.Params = None,
    models: options.Models = "model_1_ptm",
    msa_mode: options.Mode = "auto",
    database: options.Databases = None,
    data_dir: options.DataDir = None,
    library: options.LibraryFolder = None,
    templates: options.Templates = "library",
    template: options.TemplateFiles = None,
    max_template_date: options.MaxTemplateDate = None,
    allow_undated_templates: options.AllowUndated = False,
    require_template: options.RequireTemplate = False,
    server_url: options.ServerUrl = DEFAULT_URL,
    server_contact: options.ServerContact = "",
    no_cache: options.NoCache = False,
    search_threads: options.SearchThreads = None,
    max_msa: options.MaxMsa = None,
    num_recycles: options.Recycles = 3,
    recycle_tolerance: options.Tolerance = 0.0,
    seed: options.Seed = 0,
    num_seeds: options.Seeds = 1,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    relax: options.Relax = "best",
    retry_failed: RetryFailed = False,
    only: Only = None,
    search_workers: SearchWorkers = 1,
    relax_workers: RelaxWorkers = 1,
    time_limit: TimeLimit = None,
    force: options.Force = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Predict a whole FASTA file unattended; the same command goes on after whatever ended it.

    Exit codes: 0 all done, 2 usage or input, 3 some targets failed, 4 parameters, tool or device missing, 130 interrupted, 1 internal.
    """
    given = dict(locals())
    settings = BatchSettings(
        fasta=fasta,
        out_dir=out_dir,
        params=params,
        prediction=prediction_settings(given),
        search=search_config(given),
        force=force,
        overwrite=overwrite,
        retry_failed=retry_failed,
        only=parse_names(only),
        search_workers=search_workers,
        relax_workers=relax_workers,
        time_limit=time_limit,
    )
    warm_up()
    from alphafold_lite.batch.run import run_batch  # here, so that --help and bad input do not wait for torch

    with batch_shown(quiet=quiet, as_json=as_json) as progress:
        code = run_batch(settings, progress)
    raise typer.Exit(code)
