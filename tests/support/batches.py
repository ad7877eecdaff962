"""Batches of small targets with an untrained network."""

import json
import sqlite3
from contextlib import closing

from alphafold_lite.batch.journal import Journal
from alphafold_lite.batch.run import run_batch
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.predict.settings import Settings
from data_pipeline.config import NO_TEMPLATES, SearchConfig

ALONE = SearchConfig(msa_modes=("single",), templates=NO_TEMPLATES)
UNTRAINED = Settings(num_recycles=0, relax="none", device="cpu")


class Recorder:
    """Keeps what a batch tells."""

    def __init__(self):
        self.ends, self.standings = [], []

    def standing(self, standing):
        self.standings.append(standing)

    def ended(self, end):
        self.ends.append(end)

    @property
    def states(self):
        return {end.name: end.state for end in self.ends}


class Batches:
    """Runs batches with an untrained network in one output folder."""

    def __init__(self, folder):
        self.out, self.fasta = folder / "out", folder / "in.fa"

    def settings(self, text, **keywords):
        self.fasta.write_text(text)
        keywords = {"prediction": UNTRAINED, "search": ALONE} | keywords
        return BatchSettings(fasta=str(self.fasta), out_dir=self.out, params="random:0", **keywords)

    def run(self, text, **keywords):
        """Exit code, and what was told."""
        told = Recorder()
        return run_batch(self.settings(text, **keywords), told), told

    def rows(self, query):
        with closing(sqlite3.connect(self.out / ".batch" / "journal.sqlite")) as journal:
            return journal.execute(query).fetchall()

    @property
    def attempts(self):
        """How often each target was folded."""
        return dict(self.rows("SELECT name, attempts FROM stages WHERE stage = 'fold'"))

    @property
    def summary(self):
        return json.loads((self.out / "summary.json").read_text())


def planned_targets(folder, records):
    """A journal in which a run has listed records and done nothing."""
    journal = Journal(folder)
    journal.begin_run("c")
    with journal.together():
        for record in records:
            journal.put(record, "c" + record.sequence, selected=True)
    return journal
