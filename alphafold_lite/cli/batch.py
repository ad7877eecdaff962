"""`batch`: many targets, unattended."""

from pathlib import Path

import typer

from alphafold_lite.batch.settings import BatchSettings, parse_names, parse_shard
from alphafold_lite.cli import batch_options, options
from alphafold_lite.cli.batch_progress import carry_out
from alphafold_lite.cli.estimate import show_forecast
from alphafold_lite.cli.given import prediction_settings, search_config
from alphafold_lite.common.errors import InputError
from data_pipeline.search.server.settings import DEFAULT_URL


def batch(
    fasta: options.Fasta,
    out_dir: options.OutDir = Path("predictions"),
    params: options.Params = None,
    models: options.Models = "auto",
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
    retry_failed: batch_options.RetryFailed = False,
    only: batch_options.Only = None,
    search_workers: batch_options.SearchWorkers = 1,
    relax_workers: batch_options.RelaxWorkers = 1,
    fold_workers: batch_options.FoldWorkers = None,
    engine: batch_options.Engine = "local",
    address: batch_options.Address = None,
    group_residues: batch_options.GroupResidues = None,
    time_limit: batch_options.TimeLimit = None,
    shard: batch_options.ShardOption = None,
    offline: options.Offline = False,
    dry_run: batch_options.DryRun = False,
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
        fold_workers=fold_workers,
        engine=engine,
        address=address,
        group_residues=group_residues,
        time_limit=time_limit,
        shard=parse_shard(shard),
        offline=offline,
    )
    if dry_run and shard is not None:
        raise InputError("--dry-run for the whole FASTA file", f"--shard {shard}", "leave one of them out")
    if dry_run:
        raise typer.Exit(show_forecast(settings, resumes=True, quiet=quiet, as_json=as_json))
    raise typer.Exit(carry_out(settings, quiet=quiet, as_json=as_json))
