"""`estimate`, and `batch --dry-run`: the time and memory that a FASTA file will take, without a search or a fold."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alphafold_lite.cli import options
from alphafold_lite.cli.batch_progress import duration
from alphafold_lite.cli.given import prediction_settings, search_config
from alphafold_lite.cli.terminal import logged, one_line
from alphafold_lite.common.errors import EXIT_OK, EXIT_SOME_FAILED
from data_pipeline.search.server.settings import DEFAULT_URL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphafold_lite.batch.forecast import Forecaster, TargetForecast, Total
    from alphafold_lite.batch.settings import BatchSettings

GIB, SHORT = 2**30, 100.0  # SHORT: seconds up to which a time is shown in seconds
UNASKED = {
    "recycle_tolerance": 0.0, "seed": 0, "relax": "none", "max_template_date": None, "allow_undated_templates": False,
    "require_template": False, "server_url": DEFAULT_URL, "server_contact": "", "no_cache": False, "search_threads": None,
}  # fmt: skip
VERDICTS = {
    "fits": "yes", "may fit": "depends on what is found", "cannot fit": "NO", "same": "folded once", "done": "done",
}  # fmt: skip

Recalibrate = Annotated[bool, typer.Option("--recalibrate", help="Measure this device again (a minute or so).")]


def estimate(
    fasta: options.Fasta,
    params: options.Params = None,
    models: options.Models = "auto",
    msa_mode: options.Mode = "auto",
    database: options.Databases = None,
    data_dir: options.DataDir = None,
    library: options.LibraryFolder = None,
    templates: options.Templates = "library",
    template: options.TemplateFiles = None,
    max_msa: options.MaxMsa = None,
    num_recycles: options.Recycles = 3,
    num_seeds: options.Seeds = 1,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    force: options.Force = False,
    recalibrate: Recalibrate = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Forecast time and memory of every target on this device, from runs measured on it the first time (a minute or so).

    Folding only: searches and relaxation come on top. Exit codes: 0 all can be folded, 2 usage or input, 3 some cannot fit or cannot
    be used, 4 parameters or device missing, 130 interrupted, 1 internal.
    """
    from alphafold_lite.batch.settings import BatchSettings

    given = UNASKED | dict(locals())
    settings = BatchSettings(
        fasta=fasta,
        out_dir=Path(),
        params=params,
        prediction=prediction_settings(given),
        search=search_config(given),
        force=force,
    )
    raise typer.Exit(show_forecast(settings, resumes=False, again=recalibrate, quiet=quiet, as_json=as_json))


def show_forecast(
    settings: "BatchSettings", *, resumes: bool, again: bool = False, quiet: bool = False, as_json: bool = False
) -> int:
    """Print a line a target and the total; the exit code.

    Args:
        resumes: leave out what the journal in the output folder has as done.
        again: measure the device again.
    """
    from alphafold_lite.batch.forecast import Forecaster, Total, forecast
    from alphafold_lite.batch.resuming import done_before
    from alphafold_lite.predict.predictor import Predictor

    with logged(quiet=quiet):
        predictor = Predictor(settings.params, settings=settings.prediction, search=settings.search)
        forecaster, total = Forecaster(predictor, again=again), Total(counts={})
        is_done = done_before(settings.out_dir, predictor) if resumes else None
        found = forecast(settings.fasta, forecaster, force=settings.force, only=settings.only, is_done=is_done)
        if as_json:
            _print_json(found, total, forecaster)
        else:
            _print_table(found, total, forecaster)
    failing = total.counts.get("cannot fit", 0) + total.counts.get("unusable", 0)
    return EXIT_SOME_FAILED if failing else EXIT_OK


def _print_json(found: "Iterable[TargetForecast]", total: "Total", forecaster: "Forecaster") -> None:
    for target in found:
        total.add(target)
        print(json.dumps(target.to_json_dict()), flush=True)
    about = {"free_bytes": forecaster.free_bytes, "place": forecaster.place, "assumed": forecaster.expectation.text}
    print(json.dumps({"total": total.to_json_dict() | about | {"counted": "fold only"}}), flush=True)


def _print_table(found: "Iterable[TargetForecast]", total: "Total", forecaster: "Forecaster") -> None:
    print(f"{'name':<24} {'residues':>8} {'time':>12} {'at most':>12} {'memory':>11}  fits", flush=True)
    for target in found:
        total.add(target)
        print(_row(target), flush=True)
    print("\n".join(_footer(total, forecaster)), flush=True)


def _row(target: "TargetForecast") -> str:
    length = str(target.num_res or "")
    verdict = VERDICTS.get(target.state, "unusable") + (f": {one_line(target.reason)}" if target.reason else "")
    if target.seconds is None or target.seconds_range is None or target.peak_bytes is None:
        return f"{target.name:<24} {length:>8} {'':>12} {'':>12} {'':>11}  {verdict}"
    mark = "~" if target.extrapolated else ""
    time, most, memory = mark + _time(target.seconds), _time(target.seconds_range[1]), _memory(target.peak_bytes)
    return f"{target.name:<24} {length:>8} {time:>12} {most:>12} {mark + memory:>11}  {verdict}"


def _footer(total: "Total", forecaster: "Forecaster") -> list[str]:
    counts = total.counts
    num_folded = counts.get("fits", 0) + counts.get("may fit", 0)
    words = {"cannot fit": "cannot fit", "unusable": "unusable", "same": "the same as another", "done": "done already"}
    others = "".join(f"; {counts[state]} {text}" for state, text in words.items() if state in counts)
    free = "" if forecaster.free_bytes is None else f" ({_memory(forecaster.free_bytes)} free)"
    spread = f"{_time(total.least_seconds)} to {_time(total.most_seconds)}"
    assumed = f"Assumed: {forecaster.expectation.text}"
    lines = [
        f"{num_folded} to fold: {_time(total.seconds)} ({spread}), largest {_memory(total.peak_bytes)}{free}{others}",
        f"fold only, one worker on {forecaster.place}; searches and relaxation are not counted. {assumed}.",
    ]
    if total.num_extrapolated:
        lines.append(f"~ {total.num_extrapolated} larger than anything measured here: extrapolated")
    return lines


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < SHORT else duration(seconds)


def _memory(number: float) -> str:
    return f"{number / GIB:.2f} GiB"
