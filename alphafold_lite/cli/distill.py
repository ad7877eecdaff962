"""`distill`: sequences of unknown structure to a training set of their predictions."""

import json
from pathlib import Path
from typing import Annotated

import typer

from alphafold_lite.batch.processes import warm_up
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.cli import batch_options, options
from alphafold_lite.cli.batch_progress import batch_shown
from alphafold_lite.cli.given import prediction_settings, search_config
from alphafold_lite.common.errors import EXIT_INTERRUPTED
from alphafold_lite.distill.settings import DistillSettings, Measure, Rules
from data_pipeline.search.server.settings import DEFAULT_URL

OutFolder = Annotated[
    Path, typer.Option("--out-dir", metavar="OUT", help="Folder of the set; train --distilled OUT reads it.")
]
Confidence = Annotated[
    Measure,
    typer.Option("--confidence", help="Of a residue: how far its distances are from what is usual, in nats; or pLDDT."),
]
Threshold = Annotated[
    float | None,
    typer.Option(metavar="X", help="Residues below it do not count. Default: 0.5 for distogram, 70 for plddt."),
]
Share = Annotated[
    float,
    typer.Option("--min-confident-share", metavar="X", help="Residues over the threshold, for a chain to be kept."),
]
Shortest = Annotated[int, typer.Option("--min-length", metavar="N", help="Leave out shorter sequences.")]
Longest = Annotated[int, typer.Option("--max-length", metavar="N", help="Leave out longer sequences.")]
Depth = Annotated[
    int,
    typer.Option("--min-depth", metavar="N", help="Rows of the alignment, for a chain to be kept; judged at the end."),
]
Keep = Annotated[
    bool, typer.Option("--keep-distograms", help="Do not remove predicted distances once they are judged.")
]
FIXED = {
    "recycle_tolerance": 0.0, "num_seeds": 1, "relax": "none", "template": None, "max_template_date": None,
    "allow_undated_templates": False, "require_template": False, "server_url": DEFAULT_URL, "server_contact": "",
}  # fmt: skip


def distill(
    fasta: options.Fasta,
    out_dir: OutFolder,
    params: options.Params = None,
    models: options.Models = "auto",
    confidence: Confidence = "distogram",
    threshold: Threshold = None,
    min_confident_share: Share = 0.5,
    min_length: Shortest = 30,
    max_length: Longest = 1024,
    min_depth: Depth = 1,
    keep_distograms: Keep = False,
    msa_mode: options.Mode = "auto",
    database: options.Databases = None,
    data_dir: options.DataDir = None,
    library: options.LibraryFolder = None,
    templates: options.Templates = "library",
    no_cache: options.NoCache = False,
    search_threads: options.SearchThreads = None,
    max_msa: options.MaxMsa = None,
    num_recycles: options.Recycles = 3,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    retry_failed: batch_options.RetryFailed = False,
    search_workers: batch_options.SearchWorkers = 1,
    fold_workers: batch_options.FoldWorkers = None,
    time_limit: batch_options.TimeLimit = None,
    force: options.Force = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Predict sequences, keep what is confident and write a training set with weights; the same command goes on after whatever ended it.

    Exit codes: 0 done, 2 usage or input, 3 some predictions failed or none was kept, 4 parameters or device missing, 130 interrupted, 1 internal.
    """
    given = dict(locals()) | FIXED
    request = DistillSettings(
        batch=BatchSettings(
            fasta=fasta, out_dir=out_dir, params=params, prediction=prediction_settings(given), search=search_config(given), force=force,
            overwrite=overwrite, retry_failed=retry_failed, search_workers=search_workers, fold_workers=fold_workers, time_limit=time_limit,
        ),
        rules=Rules(
            measure=confidence, threshold=threshold, min_confident_share=min_confident_share, min_length=min_length, max_length=max_length,
            min_depth=min_depth,
        ),
        keep_distograms=keep_distograms,
    )  # fmt: skip
    raise typer.Exit(_carry_out(request, quiet=quiet, as_json=as_json))


def _carry_out(request: DistillSettings, *, quiet: bool, as_json: bool) -> int:
    warm_up()
    from alphafold_lite.distill.run import distill as run  # here, so that --help and bad input do not wait for torch
    from alphafold_lite.distill.summary import CSV
    from alphafold_lite.training.mixing import SET

    with batch_shown(quiet=quiet, as_json=as_json) as progress:
        outcome = run(request, progress)
    if outcome.code == EXIT_INTERRUPTED:
        return outcome.code
    if as_json:
        print(json.dumps(outcome.counts | {"set": str(request.out / SET)}))
        return outcome.code
    numbers = "{kept} of {sequences} sequences kept ({predicted} predicted)".format(**outcome.counts)
    set_text = f"train --distilled {request.out}" if outcome.counts["kept"] else "no set"
    print(f"{numbers}: {set_text}; see {request.out / CSV}")
    return outcome.code
