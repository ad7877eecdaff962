"""`predict`: options in, one report a target out."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.cli import options
from alphafold_lite.cli.given import prediction_settings, search_config
from alphafold_lite.cli.predict_many import on_disk, predict_many
from alphafold_lite.cli.terminal import shown
from alphafold_lite.predict.settings import Settings
from data_pipeline.config import SearchConfig, check_offline
from data_pipeline.parsers.fasta import FastaReading, parse_fasta, read_fasta
from data_pipeline.parsers.text import STANDARD_INPUT, read_text
from data_pipeline.search.server.settings import DEFAULT_URL

if TYPE_CHECKING:
    from alphafold_lite.predict.targets import Request, TargetReport


def predict(
    fasta: options.Fasta,
    out_dir: options.OutDir = Path("predictions"),
    params: options.Params = None,
    models: options.Models = "auto",
    msa: options.Msa = None,
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
    offline: options.Offline = False,
    force: options.Force = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
    version: options.Version = False,
) -> None:
    """Predict the structure of every protein in a FASTA file: a folder of PDB and score files for each.

    Several records are a batch: the same command goes on after whatever ended it.

    Exit codes: 0 done, 2 usage or input, 3 some targets failed, 4 parameters, tool or device missing, 130 interrupted, 1 internal.
    """
    given = dict(locals())
    settings, search = prediction_settings(given), search_config(given)
    if offline:
        check_offline(search)
    text = read_text(fasta) if fasta == STANDARD_INPUT else None
    reading = (
        read_fasta(fasta, force=force) if text is None else parse_fasta(text, source="standard input", force=force)
    )
    if len(reading.records) + len(reading.problems) > 1 and msa is None:
        with nullcontext(fasta) if text is None else on_disk(text) as source:
            batch = BatchSettings(
                fasta=source,
                out_dir=out_dir,
                params=params,
                prediction=settings,
                search=search,
                force=force,
                overwrite=overwrite,
                retry_failed=True,
                offline=offline,
            )
            raise typer.Exit(predict_many(batch, quiet=quiet, as_json=as_json))
    from alphafold_lite.predict.targets import Request  # here, so that --help and bad input do not wait for torch

    request = Request(out_dir=out_dir, msa=msa, overwrite=overwrite, debug=debug)
    raise typer.Exit(_run(reading, params, settings, search, request, quiet=quiet, as_json=as_json))


def _run(
    reading: FastaReading,
    params: str | None,
    settings: Settings,
    search: SearchConfig,
    request: "Request",
    *,
    quiet: bool,
    as_json: bool,
) -> int:
    from alphafold_lite.predict.predictor import Predictor
    from alphafold_lite.predict.targets import exit_code, predict_targets

    codes: list[int] = []
    with shown(quiet=quiet) as progress:
        predictor = Predictor(params, settings=settings, search=search, progress=progress)
        for report in predict_targets(reading, predictor, request):
            codes.append(report.exit_code)
            progress.finish()
            print(json.dumps(report.to_json_dict()) if as_json else _line(report), flush=True)
    return exit_code(codes)


def _line(report: "TargetReport") -> str:
    if report.error is not None:
        return f"{report.name}: failed"
    best = report.results[0]
    caution = "UNTRAINED network, not a prediction: " if best.untrained else f"{best.model}: " if best.caution else ""
    ptm = "" if best.ptm is None else f", pTM {best.ptm:.2f}"
    iptm = "" if best.iptm is None else f", ipTM {best.iptm:.2f}"
    return f"{report.name}: {caution}mean pLDDT {best.mean_plddt:.1f}{ptm}{iptm}, {report.folder / 'ranked_0.pdb'}"
