"""`search`: the first half of a batch, on a machine with databases; no network is loaded."""

from pathlib import Path

import typer

from alphafold_lite.batch.settings import BatchSettings, parse_names, parse_shard
from alphafold_lite.cli import batch_options, options
from alphafold_lite.cli.batch_progress import carry_out
from alphafold_lite.cli.given import search_config
from data_pipeline.search.server.settings import DEFAULT_URL


def search(
    fasta: options.Fasta,
    out_dir: options.OutDir = Path("predictions"),
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
    retry_failed: batch_options.RetryFailed = False,
    only: batch_options.Only = None,
    search_workers: batch_options.SearchWorkers = 1,
    time_limit: batch_options.TimeLimit = None,
    shard: batch_options.ShardOption = None,
    offline: options.Offline = False,
    force: options.Force = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Search and build features for every record, without parameters; `fold` goes on with OUT, here or on another machine.

    Exit codes: 0 all searched, 2 usage or input, 3 some targets failed, 4 a tool or database missing, 130 interrupted, 1 internal.
    """
    settings = BatchSettings(
        fasta=fasta,
        out_dir=out_dir,
        search=search_config(locals()),
        force=force,
        overwrite=overwrite,
        retry_failed=retry_failed,
        only=parse_names(only),
        search_workers=search_workers,
        time_limit=time_limit,
        part="search",
        shard=parse_shard(shard),
        offline=offline,
    )
    raise typer.Exit(carry_out(settings, quiet=quiet, as_json=as_json))
