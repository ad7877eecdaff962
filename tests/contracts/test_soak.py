"""`scripts/soak.py` kills a batch some times and finds nothing wrong; what is wrong it finds."""

import json
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from alphafold_lite.batch.schema import JOURNAL
from data_pipeline.parsers.fasta import parse_fasta
from scripts.soak import HEADERS, fasta_text
from scripts.soak_checks import final_faults
from tests.support.batches import Batches

SCRIPT = Path(__file__).parents[2] / "scripts" / "soak.py"


def test_targets_are_drawn_with_the_seed_and_some_are_equal():
    text = fasta_text(40, random.Random(3))
    assert text == fasta_text(40, random.Random(3)) != fasta_text(40, random.Random(4))
    records = parse_fasta(text).records
    assert len({record.name.lower() for record in records}) == 40
    assert len({record.sequence for record in records}) == 35
    assert sum(record.name != header.split()[0] for record, header in zip(records, HEADERS, strict=False)) >= 8


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """A batch that nobody disturbed."""
    batches = Batches(tmp_path_factory.mktemp("calm"))
    assert batches.run(">one\nMQIFVKTLTG\n>two\nKTITLEVEPS\n")[0] == 0
    return batches.out


def test_nothing_is_wrong_with_a_batch_that_is_done(calm, tmp_path):
    out = shutil.copytree(calm, tmp_path / "out")
    assert final_faults(out, calm, tmp_path / "copy") == []


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (lambda out: shutil.rmtree(out / "two"), "lost from folders: two"),
        (lambda out: shutil.copytree(out / "one", out / "one_2"), "twice or unknown in folders: one_2"),
        (lambda out: (out / "one" / ".tmp-1-a").write_text("half"), "a temporary file is left"),
        (lambda out: cut(out / "one" / "ranked_0.pdb"), "one/ranked_0.pdb: no end"),
        (lambda out: cut(out / "one" / "timings.json"), "one/timings.json: "),
        (lambda out: cut(out / "two" / "features.npz"), "two/features.npz: "),
        (lambda out: cut(out / "two" / "features.npz"), "two: files of its stage features"),
        (lambda out: change(out / "two" / "ranked_0.pdb"), "two/ranked_0.pdb: not as undisturbed"),
        (lambda out: spoil(out / ".batch" / JOURNAL), "done in the journal: one"),
    ],
)
def test_what_is_wrong_is_found(calm, tmp_path, harm, found):
    out = shutil.copytree(calm, tmp_path / "out")
    harm(out)
    assert any(found in fault for fault in final_faults(out, calm, tmp_path / "copy"))


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def change(path):
    path.write_bytes(path.read_bytes().replace(b"ATOM      1", b"ATOM      7"))


def spoil(path):
    with closing(sqlite3.connect(path)) as journal, journal:
        journal.execute("UPDATE targets SET state = 'pending' WHERE name = 'one'")


@pytest.mark.slow
def test_a_short_soak_loses_nothing(tmp_path):
    words = [
        "--out-dir",
        tmp_path / "out",
        "--kills",
        6,
        "--targets",
        12,
        "--seed",
        1,
        "--json",
        tmp_path / "soak.json",
    ]
    done = subprocess.run([sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / "soak.json").read_text())
    assert record["kills that hit"] == 6 == len(record["each"]) and record["faults"] == 0
    assert "| kills that hit | 6 |" in done.stdout
