"""Kills a batch at random moments until it is done, and checks that nothing is lost, done twice, half-written or different.

    python scripts/soak.py --out-dir OUT [--kills 100] [--targets 40] [--seed 0] [--params random:0] [--json FILE]

`kill -9` hits the batch's own process, one of its workers, or the process that workers are forked from (Linux: they are found in /proc). After
each the same command goes on. Once all targets are done and kills are left, the next round begins in a fresh folder. Victims and moments are
drawn with the seed. Exit code 1 where anything is wrong.
"""

import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package beside this script, installed or not

from alphafold_lite.batch.files import state_path
from alphafold_lite.batch.schema import JOURNAL
from alphafold_lite.common.errors import EXIT_OK, EXIT_SOME_FAILED
from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.outputs.scores import to_json
from scripts.soak_checks import final_faults, standing_faults

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
SHORTEST, LONGEST = 8, 30
COPIES = 8  # every eighth target has the sequence of an earlier one
# headers that make no folder names as they are; two of them make the same name
HEADERS = (
    "sp|P0CG48|UBC_HUMAN poly",
    "../../up",
    "twice",
    "twice",
    "Größe",
    "con",
    ".hidden",
    "-rf",
    "a/b\\c:d",
    "L" * 90,
    "💥",
)
VICTIMS = {"batch": 0.5, "worker": 0.4, "server": 0.1}
PATIENCE = 60.0  # seconds that workers without a batch have to end
ROUNDS = 100  # at most
WORKING = 0.8  # of the moments wait for some more stages to begin, however busy the machine is, the others for a time
STAGES, HOLD = 50, 0.2  # the most stages that are waited for, and seconds after these
SPAN = 0.5  # of the time of the undisturbed run, in which the other moments fall
POLL = 0.02  # seconds between two looks at the journal


@dataclass(frozen=True, kw_only=True, slots=True)
class Kill:
    """One that hit: whom, when (seconds since that start of the command), and how many targets were done and stages at work."""

    victim: str
    seconds: float
    done: int
    at_work: int
    round: int


def fasta_text(number: int, rng: random.Random) -> str:
    """Short random sequences, some of them equal, under names of which some need cleaning."""
    sequences: list[str] = []
    for index in range(number):
        fresh = "".join(rng.choices(LETTERS, k=rng.randint(SHORTEST, LONGEST)))
        sequences.append(rng.choice(sequences) if index % COPIES == COPIES - 1 else fresh)
    headers = [HEADERS[index] if index < len(HEADERS) else f"target{index}" for index in range(number)]
    return "".join(f">{header}\n{sequence}\n" for header, sequence in zip(headers, sequences, strict=True))


def begin(fasta: Path, out: Path, params: str) -> subprocess.Popen[bytes]:
    """Start the command; what it says is appended to OUT.log."""
    options = "--num-recycles 0 --relax none --msa-mode single --templates none --device cpu --precision fp32 --group-residues 0"
    words = ["batch", "--fasta", fasta, "--out-dir", out, "--params", params, *options.split(), "--retry-failed"]
    command = [sys.executable, "-c", "from alphafold_lite.cli.main import entry; entry()", *map(str, words)]
    with out.with_suffix(".log").open("ab") as log:
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def processes() -> dict[int, tuple[int, str, str]]:
    """Parent, state and command line of every process."""
    found: dict[int, tuple[int, str, str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            found[int(folder.name)] = int(parent), state, (folder / "cmdline").read_text()
        except OSError:
            continue
    return found


def family(batch: int) -> dict[str, list[int]]:
    """The living processes of a batch by what they are."""
    every = processes()
    living = {pid: parent for pid, (parent, state, _) in every.items() if state not in "ZX"}
    servers = [pid for pid, parent in living.items() if parent == batch and "forkserver" in every[pid][2]]
    workers = [pid for pid, parent in living.items() if parent in servers]
    return {"batch": [batch] if batch in living else [], "worker": sorted(workers), "server": sorted(servers)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """Runs so far, targets done and left (before any is listed: one), stages begun, and stages at work (of the run before until the next begins)."""

    runs: int = 0
    done: int = 0
    left: int = 1
    begun: int = 0
    at_work: int = 0


def look(out: Path) -> Look:
    """What the journal says now."""
    if not (path := state_path(out) / JOURNAL).is_file():
        return Look()
    query = (
        "SELECT (SELECT count(*) FROM runs), sum(state = 'done'), sum(state != 'done'), "
        "(SELECT sum(attempts) FROM stages), (SELECT count(*) FROM stages WHERE state = 'running') FROM targets"
    )
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as journal:
            runs, done, left, begun, at_work = journal.execute(query).fetchone()
    except sqlite3.OperationalError:  # not made yet
        return Look()
    return Look() if done is None else Look(runs=runs, done=done, left=left, begun=begun or 0, at_work=at_work)


class Soak:
    """Rounds of one batch under fire.

    Args:
        out: folder for all of it.
        params, rng: of the batch; of victims and moments.
    """

    def __init__(self, out: Path, params: str, rng: random.Random) -> None:
        self._out, self._params, self._rng = out, params, rng
        self._fasta, self._copy, self._calm = out / "targets.fa", out / "copy", out / "undisturbed"
        self.kills: list[Kill] = []
        self.faults: list[str] = []
        self.starts, self.rounds, self.repeated, self.given_up = 0, 0, 0, 0
        self.span = 0.0  # seconds of the undisturbed run

    def run(self, kills: int) -> None:
        """The undisturbed run, then rounds until so many kills have hit."""
        started = time.monotonic()
        if (code := begin(self._fasta, self._calm, self._params).wait()) != EXIT_OK:
            raise SystemExit(f"the undisturbed run ends with {code}, see {self._calm.with_suffix('.log')}")
        self.span = time.monotonic() - started
        while len(self.kills) < kills and self.rounds < ROUNDS and not self.faults:
            self.rounds += 1
            out = self._out / f"round{self.rounds}"
            while not self._start(out, kills):
                pass
            self.faults += final_faults(out, self._calm, self._copy)
            with closing(sqlite3.connect(state_path(out) / JOURNAL)) as journal:
                self.repeated += journal.execute("SELECT sum(attempts - 1) FROM stages").fetchone()[0]
            self.given_up += out.with_suffix(".log").read_text("utf-8").count("failed: the fold worker died")
            print(f"round {self.rounds}: {len(self.kills)} kills so far, {len(self.faults)} faults", flush=True)
            if not self.faults:
                shutil.rmtree(out)

    def _start(self, out: Path, kills: int) -> bool:
        """Run the command once, under fire; whether the batch came to its end."""
        self.starts += 1
        before = look(out)
        batch, started, seen = begin(self._fasta, out, self._params), time.monotonic(), set[int]()
        while len(self.kills) < kills and self._wait(batch, out):
            victims = family(batch.pid)
            seen |= {pid for pids in victims.values() for pid in pids} - {batch.pid}
            (victim,) = self._rng.choices(list(VICTIMS), list(VICTIMS.values()))
            if not victims[victim]:
                continue
            now = look(out)
            os.kill(self._rng.choice(victims[victim]), signal.SIGKILL)
            if victim == "batch" and batch.wait() != -signal.SIGKILL:
                break  # it had ended already
            seconds, at_work = round(time.monotonic() - started, 2), now.at_work if now.runs > before.runs else 0
            self.kills.append(Kill(victim=victim, seconds=seconds, done=now.done, at_work=at_work, round=self.rounds))
            if victim == "batch":
                self._await_end(seen)
                self.faults += standing_faults(out, self._copy)
        code = batch.wait()
        if code not in (EXIT_OK, EXIT_SOME_FAILED, -signal.SIGKILL):
            self.faults.append(f"exit code {code}, see {out.with_suffix('.log')}")
        return code == EXIT_OK or bool(self.faults)

    def _wait(self, batch: subprocess.Popen[bytes], out: Path) -> bool:
        """Wait for the next moment; False where the batch ends before it, or has nothing left to do: the next round has."""
        if self._rng.random() < WORKING:
            moment, goal = self._rng.uniform(0.0, HOLD), look(out).begun + self._rng.randint(1, STAGES)
            while batch.poll() is None and look(out).begun < goal:
                time.sleep(POLL)
        else:
            moment = self._rng.uniform(0.0, SPAN * self.span)
        try:
            batch.wait(moment)
        except subprocess.TimeoutExpired:
            return look(out).left > 0
        return False

    def _await_end(self, pids: set[int]) -> None:
        """Workers end with their batch."""
        end = time.monotonic() + PATIENCE
        while left := {pid for pid in pids if (pid in (found := processes())) and "forkserver" in found[pid][2]}:
            if time.monotonic() > end:
                self.faults.append(f"processes are left: {sorted(left)}")
                return
            time.sleep(0.02)


def table(record: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rows = [f"| {name.replace('_', ' ')} | {value} |" for name, value in record.items() if name not in ("each", "what")]
    return "\n".join(["| | |", "|---|---|", *rows])


def main() -> int:
    """Run it; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out-dir", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--targets", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--params", default="random:0")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.out_dir.exists() and any(args.out_dir.iterdir()):
        parser.error(f"--out-dir expects a new or empty folder, {args.out_dir} is not")
    rng, started = random.Random(args.seed), time.monotonic()
    write_atomic(args.out_dir / "targets.fa", fasta_text(args.targets, rng))
    soak = Soak(args.out_dir, args.params, rng)
    soak.run(args.kills)
    victims = Counter(kill.victim for kill in soak.kills)
    idle = sum(kill.at_work == 0 for kill in soak.kills)
    record: dict[str, Any] = {
        "targets": args.targets, "seed": args.seed, "kills that hit": len(soak.kills), **{f"of the {name}": victims[name] for name in VICTIMS},
        "while no stage was at work": idle, "starts of the command": soak.starts, "rounds": soak.rounds,
        "stages begun again": soak.repeated, "targets given up after two dead workers, then tried again": soak.given_up,
        "faults": len(soak.faults), "seconds undisturbed": round(soak.span, 1), "seconds in all": round(time.monotonic() - started),
        "what": soak.faults, "each": [asdict(kill) for kill in soak.kills],
    }  # fmt: skip
    print(table(record), *(f"FAULT: {fault}" for fault in soak.faults), sep="\n")
    if args.json is not None:
        write_atomic(args.json, to_json(record))
    return int(bool(soak.faults) or len(soak.kills) < args.kills)


if __name__ == "__main__":
    sys.exit(main())
