"""Where a batch stands, told from its journal by another process."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alphafold_lite.batch.files import in_use, shards_in, state_path
from alphafold_lite.batch.schema import JOURNAL, open_for_reading
from alphafold_lite.batch.shards import Shard
from alphafold_lite.batch.summary import counts, last_run

SHOWN_FAILURES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardStatus:
    """One of several shards; `targets` is None where it has no journal in this folder."""

    shard: Shard
    is_running: bool
    targets: dict[str, int] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """Targets by state, the last run, stages by state, the latest failures (name and reason), and all shards where there are any."""

    is_running: bool
    targets: dict[str, int]
    stages: dict[str, dict[str, int]]
    run: dict[str, object]
    ended_in_run: int
    failures: tuple[tuple[str, str], ...]
    shards: tuple[ShardStatus, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Shards that are not here."""
        return tuple(str(one.shard) for one in self.shards if one.targets is None)

    @property
    def rate(self) -> float:
        """Targets a second, of the last run."""
        seconds = self.run.get("seconds")
        return self.ended_in_run / seconds if isinstance(seconds, float) and seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the rate so far; None where nothing runs or has ended."""
        left = self.targets["pending"] + self.targets["active"]
        return left / self.rate if self.is_running and self.rate > 0 else None

    def to_json_dict(self) -> dict[str, object]:
        """What `status --json` prints."""
        left = self.seconds_left
        shards = [{"shard": str(one.shard), "running": one.is_running, "targets": one.targets} for one in self.shards]
        told: dict[str, object] = {
            "running": self.is_running,
            "targets": self.targets,
            "stages": self.stages,
            "run": self.run,
            "targets_a_second": round(self.rate, 4),
            "seconds_left": None if left is None else round(left, 1),
            "failures": [{"name": name, "reason": reason} for name, reason in self.failures],
            "asked": time.time(),
        }
        return told | ({"shards": shards} if shards else {})


def status(out_dir: Path) -> Status:
    """The standing of the batch in an output folder, whether it runs or not; of all its shards together where these are what ran last.

    Raises:
        InputError: there is no batch in it, or its journal cannot be read.
    """
    shards = shards_in(out_dir)
    if not shards or (state_path(out_dir) / JOURNAL).is_file():
        whole = _status(out_dir, None)
        if not any(_begun(_status(out_dir, shard)) > _begun(whole) for shard in shards):
            return whole
    return _together(out_dir, {shard: _status(out_dir, shard) for shard in shards})


def _status(out_dir: Path, shard: Shard | None) -> Status:
    with closing(open_for_reading(state_path(out_dir, shard))) as journal:
        run = last_run(journal)
        stages: dict[str, dict[str, int]] = {}
        for stage, state, number in journal.execute("SELECT stage, state, count(*) FROM stages GROUP BY stage, state"):
            stages.setdefault(stage, {})[state] = number
        failures = journal.execute(
            "SELECT name, error FROM targets WHERE state = 'failed' AND run = (SELECT max(id) FROM runs) "
            "ORDER BY finished DESC, number LIMIT ?",
            (SHOWN_FAILURES,),
        ).fetchall()
        ended = journal.execute(
            "SELECT count(*) FROM targets WHERE finished >= ? AND run = (SELECT max(id) FROM runs) AND selected",
            (run.get("started", 0.0),),
        ).fetchone()[0]
        return Status(
            is_running=in_use(out_dir, shard),
            targets=counts(journal),
            stages=stages,
            run=run,
            ended_in_run=ended,
            failures=tuple((name, reason or "") for name, reason in failures),
        )


def _begun(standing: Status) -> float:
    started = standing.run.get("started")
    return started if isinstance(started, float) else 0.0


def _together(out_dir: Path, known: Mapping[Shard, Status]) -> Status:
    parts = list(known.values())
    number = max(shard.number for shard in known)
    targets, stages = Counter[str](), dict[str, Counter[str]]()
    for part in parts:
        targets.update(part.targets)
        for stage, states in part.stages.items():
            stages.setdefault(stage, Counter()).update(states)
    is_running = {shard: part.is_running for shard, part in known.items()}
    every = [Shard(index=index, number=number) for index in range(1, number + 1)]
    return Status(
        is_running=any(is_running.values()),
        targets=dict.fromkeys(("done", "failed", "active", "pending"), 0) | dict(targets),
        stages={stage: dict(states) for stage, states in stages.items()},
        run=runs_together([part.run for part in parts]),
        ended_in_run=sum(part.ended_in_run for part in parts),
        failures=tuple(failure for part in parts for failure in part.failures)[:SHOWN_FAILURES],
        shards=tuple(
            ShardStatus(
                shard=shard,
                is_running=is_running.get(shard, False),
                targets=known[shard].targets if shard in known else None,
            )
            for shard in every
        ),
    )


def runs_together(runs: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """The last runs of several shards as one: from the first beginning, as long as the longest, complete if all are."""
    begun = [run for run in runs if run]
    if not begun:
        return {}
    seconds = sum(run["seconds"] * run["fold_workers"] for run in begun)
    folding = sum((run["fold_share"] or 0.0) * run["seconds"] * run["fold_workers"] for run in begun)
    ends = [run["ended"] for run in begun]
    return {
        "started": min(run["started"] for run in begun),
        "seconds": max(run["seconds"] for run in begun),
        "fold_share": round(folding / seconds, 4) if seconds else None,
        "fold_seconds": folding,
        "fold_workers": sum(run["fold_workers"] for run in begun),
        "ended": ends[0] if len(set(ends)) == 1 else None if None in ends else "interrupted",
    }
