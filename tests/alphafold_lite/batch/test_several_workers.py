"""Several folding workers on one machine: who gets what, and what the journal says of it."""

import json
import logging
from dataclasses import replace
from itertools import pairwise

import pytest

from alphafold_lite.batch.placement import Place
from alphafold_lite.batch.pools import Pools
from alphafold_lite.batch.room import needed_bytes
from alphafold_lite.common.errors import MissingResourceError
from tests.support.batches import UNTRAINED

TARGETS = {f"t{number}": "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIF"[: 12 + 4 * number] for number in range(8)}
TEXT = "".join(f">{name}\n{sequence}\n" for name, sequence in TARGETS.items())
ALONE = {"fold_workers": 2, "group_residues": 0}  # none are folded together


def spans(batches):
    """Begin and end of every fold call, in order."""
    rows = batches.rows("SELECT started, started + seconds FROM stages WHERE stage = 'fold' ORDER BY started")
    assert len(rows) == len(TARGETS)
    return rows


def test_two_workers_share_targets_and_threads(batches, monkeypatch):
    given = []
    give = Pools.give

    def give_and_note(self, worker, entry, job):
        given.append((worker.role, worker.pid, entry.target.name))
        give(self, worker, entry, job)

    monkeypatch.setattr(Pools, "give", give_and_note)
    monkeypatch.setattr("alphafold_lite.batch.local.torch.get_num_threads", lambda: 5)
    code, told = batches.run(TEXT, prediction=replace(UNTRAINED, num_recycles=2), **ALONE)
    assert code == 0 and told.states == dict.fromkeys(TARGETS, "done")
    folded = [(pid, name) for role, pid, name in given if role == "fold"]
    assert sorted(name for _, name in folded) == sorted(TARGETS) and len({pid for pid, _ in folded}) == 2
    devices = {json.loads((batches.out / name / "run.json").read_text())["device"] for name in TARGETS}
    assert devices == {"cpu, fp32, 2 threads"}
    run, calls = batches.summary["run"], spans(batches)
    busy = sum(end - start for start, end in calls)
    assert run["fold_workers"] == 2 and 0 < run["fold_share"] <= 1
    assert run["fold_share"] == pytest.approx(busy / run["seconds"] / 2, rel=0.01)
    assert any(one[1] > other[0] for one, other in pairwise(calls)), "one after the other"


def test_long_targets_wait_for_the_worker_with_room_while_the_other_goes_on(batches, monkeypatch):
    welcome, give, given, names = Pools._welcome, Pools.give, {}, ["small", "large"]

    def welcome_to_one_of_two_places(self, worker, ready):
        if ready.identity is not None:
            name, needed = names.pop(0), needed_bytes(ready.identity)
            ready = replace(ready, place=Place(name=name, free=needed(20 if name == "small" else 1000)))
        welcome(self, worker, ready)

    def give_and_note(self, worker, entry, job):
        if worker.role == "fold":
            given[entry.target.name] = worker.place.name
        give(self, worker, entry, job)

    monkeypatch.setattr(Pools, "_welcome", welcome_to_one_of_two_places)
    monkeypatch.setattr(Pools, "give", give_and_note)
    code, told = batches.run(TEXT, prediction=replace(UNTRAINED, num_recycles=1), queue=2, **ALONE)
    assert code == 0 and told.states == dict.fromkeys(TARGETS, "done")
    short = {name for name, sequence in TARGETS.items() if len(sequence) <= 20}
    assert {given[name] for name in TARGETS.keys() - short} == {"large"}
    assert "small" in {given[name] for name in short}
    last_long = max(list(given).index(name) for name in TARGETS.keys() - short)
    assert list(given.values()).index("small") < last_long, "the small one waited until the long ones were done"


def test_workers_that_would_give_other_results_are_refused(batches, monkeypatch):
    welcome, seen = Pools._welcome, []

    def another_precision(self, worker, ready):
        seen.append(worker)
        if len(seen) == 2:
            other = ready.identity.configuration | {"precision": "bf16"}
            ready = replace(ready, identity=replace(ready.identity, configuration=other))
        welcome(self, worker, ready)

    monkeypatch.setattr(Pools, "_welcome", another_precision)
    monkeypatch.setattr(Pools, "start_others", lambda self, ready: None)
    with pytest.raises(MissingResourceError, match="another precision on process"):
        batches.run(TEXT, **ALONE)


def test_a_death_is_told_in_the_journal(batches, monkeypatch, caplog):
    give, harmed = Pools.give, []

    def give_and_harm(self, worker, entry, job):
        give(self, worker, entry, job)
        if worker.role == "search" and not harmed:
            harmed.append(entry.target.name)
            worker._process.terminate()

    monkeypatch.setattr(Pools, "give", give_and_harm)
    with caplog.at_level(logging.WARNING):
        code, told = batches.run(">one\nMQIFVKTLTG\n")
    assert code == 0 and told.states == {"one": "done"}
    if "died" in caplog.text:  # else it had ended its job before
        ((details,),) = batches.rows("SELECT details FROM stages WHERE stage = 'features'")
        assert json.loads(details)["deaths"] == ["search: signal SIGTERM"]
