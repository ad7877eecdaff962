"""`fold`: the second half of a batch, on a machine with a GPU; nothing is searched."""

from pathlib import Path

import typer

from alphafold_lite.batch.settings import BatchSettings, parse_names, parse_shard
from alphafold_lite.cli import batch_options, options
from alphafold_lite.cli.batch_progress import carry_out
from alphafold_lite.cli.given import prediction_settings


def fold(
    out_dir: options.OutDir = Path("predictions"),
    params: options.Params = None,
    models: options.Models = "auto",
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
    relax_workers: batch_options.RelaxWorkers = 1,
    fold_workers: batch_options.FoldWorkers = None,
    engine: batch_options.Engine = "local",
    address: batch_options.Address = None,
    group_residues: batch_options.GroupResidues = None,
    time_limit: batch_options.TimeLimit = None,
    shard: batch_options.ShardOption = None,
    offline: options.Offline = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Fold what `search` has found in OUT; makes no search, and opens no internet socket.

    Exit codes: 0 all done, 2 usage or input, 3 some failed or not searched, 4 parameters or device missing, 130 interrupted, 1 internal.
    """
    settings = BatchSettings(
        fasta="",
        out_dir=out_dir,
        params=params,
        prediction=prediction_settings(locals()),
        overwrite=overwrite,
        retry_failed=retry_failed,
        only=parse_names(only),
        relax_workers=relax_workers,
        fold_workers=fold_workers,
        engine=engine,
        address=address,
        group_residues=group_residues,
        time_limit=time_limit,
        part="fold",
        shard=parse_shard(shard),
        offline=offline,
    )
    raise typer.Exit(carry_out(settings, quiet=quiet, as_json=as_json))
