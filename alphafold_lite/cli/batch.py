"""`batch`: many targets, unattended."""

from pathlib import Path
from typing import Annotated

import typer

from alphafold_lite.batch.processes import warm_up
from alphafold_lite.batch.settings import BatchSettings, parse_names
from alphafold_lite.cli import options
from alphafold_lite.cli.batch_progress import batch_shown
from alphafold_lite.predict.settings import Settings, parse_max_msa, parse_models
from data_pipeline.config import SearchConfig, parse_modes
from data_pipeline.search.server.settings import DEFAULT_URL
from data_pipeline.templates.selection import TemplateConfig

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
    clusters, extra = (None, None) if max_msa is None else parse_max_msa(max_msa)
    prediction = Settings(
        models=parse_models(models),
        num_recycles=num_recycles,
        recycle_tolerance=recycle_tolerance,
        seed=seed,
        num_seeds=num_seeds,
        device=device,
        precision=precision,
        relax=relax,
        max_clusters=clusters,
        max_extra=extra,
    )
    search = SearchConfig(
        msa_modes=parse_modes(msa_mode),
        databases=tuple(database or ()),
        data_dir=data_dir,
        library=library,
        templates=templates,
        template_files=tuple(template or ()),
        selection=TemplateConfig(
            max_date=None if max_template_date is None else max_template_date.date(),
            allow_undated=allow_undated_templates,
        ),
        require_template=require_template,
        server_url=server_url,
        server_contact=server_contact,
        use_cache=not no_cache,
        threads=search_threads,
    )
    settings = BatchSettings(
        fasta=fasta,
        out_dir=out_dir,
        params=params,
        prediction=prediction,
        search=search,
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
