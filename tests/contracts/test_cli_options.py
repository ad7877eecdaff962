"""Options are a promise: this list changes only together with the README and the changelog."""

import typer

from alphafold_lite.cli.main import app, predict_app

PREDICT = {
    "--fasta", "--out-dir", "--params", "--models", "--msa", "--msa-mode", "--max-msa", "--num-recycles", "--recycle-tolerance",
    "--seed", "--num-seeds", "--device", "--precision", "--relax", "--force", "--overwrite", "--quiet", "--json", "--debug",
    "--version", "--database", "--data-dir", "--library", "--templates", "--template", "--max-template-date",
    "--allow-undated-templates", "--require-template", "--server-url", "--server-contact", "--no-cache", "--search-threads",
    "--offline",
}  # fmt: skip
BATCH = (PREDICT - {"--msa", "--version"}) | {
    "--retry-failed",
    "--only",
    "--search-workers",
    "--relax-workers",
    "--fold-workers",
    "--engine",
    "--address",
    "--group-residues",
    "--time-limit",
    "--shard",
    "--dry-run",
}
PREDICTION = {
    "--params", "--models", "--max-msa", "--num-recycles", "--recycle-tolerance", "--seed", "--num-seeds", "--device", "--precision", "--relax",
}  # fmt: skip
FOLDING = {"--relax-workers", "--fold-workers", "--engine", "--address", "--group-residues"}
SEARCH = BATCH - PREDICTION - FOLDING - {"--dry-run"}
FOLD = PREDICTION | FOLDING | {
    "--out-dir", "--retry-failed", "--only", "--time-limit", "--shard", "--offline", "--overwrite", "--quiet", "--json", "--debug",
}  # fmt: skip
MERGE = {"outs", "--out-dir", "--quiet", "--json", "--debug"}
ESTIMATE = {
    "--fasta", "--params", "--models", "--msa-mode", "--database", "--data-dir", "--library", "--templates", "--template", "--max-msa",
    "--num-recycles", "--num-seeds", "--device", "--precision", "--force", "--recalibrate", "--quiet", "--json", "--debug",
}  # fmt: skip
STATUS = {"out", "--json", "--debug"}
TRAIN = {
    "--out-dir", "--preset", "--data", "--validation", "--leave-out", "--homologues", "--init-from", "--steps", "--resume", "--seed", "--device",
    "--precision", "--workers", "--set", "--quiet", "--debug", "--distilled", "--distilled-share",
}  # fmt: skip
DISTILL = {
    "--fasta", "--out-dir", "--params", "--models", "--confidence", "--threshold", "--min-confident-share", "--min-length", "--max-length",
    "--min-depth", "--keep-distograms", "--msa-mode", "--database", "--data-dir", "--library", "--templates", "--no-cache",
    "--search-threads", "--max-msa", "--num-recycles", "--seed", "--device", "--precision", "--retry-failed", "--search-workers",
    "--fold-workers", "--time-limit", "--force", "--overwrite", "--quiet", "--json", "--debug",
}  # fmt: skip
EVALUATE = {
    "--dataset", "--params", "--models", "--limit", "--seed", "--inputs", "--templates", "--baseline", "--leave-out",
    "--num-recycles", "--device", "--precision", "--relax", "--json", "--plot", "--only", "--quiet", "--debug",
}  # fmt: skip
FINETUNE = {
    "--out-dir", "--structures", "--params", "--ids", "--msa-dir", "--validation-ids", "--validation-share", "--cluster-identity",
    "--max-resolution", "--min-length", "--library", "--freeze", "--lora", "--crop", "--steps", "--lr", "--seed", "--resume", "--dry-run",
    "--device", "--workers", "--search-threads", "--set", "--quiet", "--debug",
}  # fmt: skip
LIBRARY = {
    "build": {"--out", "--structures", "--sequences", "--quiet", "--debug"},
    "info": {"lib", "--json", "--debug"},
}
CACHE = {
    "info": {"--cache-dir", "--json"},
    "verify": {"--cache-dir", "--json"},
    "prune": {"--cache-dir", "--json", "--older-than", "--max-size", "--all"},
}
DEFAULTS = {
    "num_recycles": 3, "seed": 0, "num_seeds": 1, "device": "auto", "precision": "auto", "relax": "best", "msa_mode": "auto", "templates": "library",
}  # fmt: skip


def options(command):
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


def test_predict_takes_exactly_these_options():
    assert options(typer.main.get_command(predict_app)) == PREDICT


def test_both_console_scripts_take_the_same_options():
    assert options(typer.main.get_command(app).commands["predict"]) == PREDICT


def test_the_other_commands_take_exactly_these_options():
    commands = typer.main.get_command(app).commands
    groups = {"library": LIBRARY, "cache": CACHE}
    assert {name: options(command) for name, command in commands.items() if name not in groups} == {
        "predict": PREDICT,
        "batch": BATCH,
        "search": SEARCH,
        "fold": FOLD,
        "merge": MERGE,
        "estimate": ESTIMATE,
        "status": STATUS,
        "train": TRAIN,
        "evaluate": EVALUATE,
        "finetune": FINETUNE,
        "distill": DISTILL,
    }
    for name, expected in groups.items():
        assert {sub: options(command) for sub, command in commands[name].commands.items()} == expected


def test_defaults():
    found = {parameter.name: parameter.default for parameter in typer.main.get_command(predict_app).params}
    assert {name: found[name] for name in DEFAULTS} == DEFAULTS
