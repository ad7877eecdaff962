"""A batch over a mixture of proteins, as the command line runs it: share of the time in which it folds, throughput, memory over time.

    python tests/benchmarks/bench_batch.py --fasta proteins.fasta.gz --number 200 --lengths 30 400 --out-dir /tmp/bench
    python tests/benchmarks/bench_batch.py --fasta proteins.fasta.gz --number 1000 --lengths 30 80 --out-dir /tmp/short --kill-at 300

Draws records from a FASTA file, as many from each tenth of the range of lengths, the same for the same seed, and folds them without
relaxation; what stands after `--` goes to `batch`. The share and the times are those of the journal. Memory is that of the parent and of each
worker, looked at once a second (Linux): means over the second and the last quarter of its life (in the first it loads what it needs), and the
most. With --kill-at all processes are killed (-9) once so many targets are done, and the same command goes on. Results are kept in `RESULTS.md` beside this file.
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from alphafold_lite.batch.files import STATE_FOLDER
from alphafold_lite.batch.schema import open_for_reading
from alphafold_lite.batch.summary import counts
from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.fasta import FastaRecord, stream_fasta
from data_pipeline.parsers.names import Namer

BINS = 10
LOOK_EVERY = 1.0  # seconds
MIB = 2**20


def main() -> None:
    """Run and print."""
    args = arguments()
    out_dir = Path(args.out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    fasta = out_dir / "sample.fasta"
    residues = write_sample(args, fasta)
    command = [
        sys.executable,
        "-c",
        "from alphafold_lite.cli.main import entry; entry()",
        "batch",
        "--fasta",
        str(fasta),
    ]
    command += ["--out-dir", str(out_dir / "out"), "--relax", "none", "--quiet", *args.batch]
    runs: list[dict[str, object]] = []
    if args.kill_at is not None:
        runs.append(run(command, out_dir / "out", kill_at=args.kill_at))
    runs.append(run(command, out_dir / "out"))
    report = {"targets": args.number, "residues": residues} | journal_report(out_dir / "out") | {"processes": runs}
    print(json.dumps(report, indent=None if args.json else 2))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fasta", required=True, help="where proteins are drawn from; may be compressed")
    parser.add_argument("--out-dir", required=True)
    parser.add_argument("--number", type=int, default=200)
    parser.add_argument("--lengths", type=int, nargs=2, default=(30, 400), metavar=("LEAST", "MOST"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kill-at", type=int, metavar="TARGETS")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("batch", nargs="*", help="options of batch, after --")
    return parser.parse_args()


def write_sample(args: argparse.Namespace, path: Path) -> int:
    """Write the records that are drawn; gives their residues."""
    least, most = args.lengths
    bins = min(BINS, most - least + 1)
    by_bin: dict[int, list[FastaRecord]] = defaultdict(list)
    taken: set[str] = set()

    def is_taken(name: str) -> bool:
        return name in taken or taken.add(name) is not None

    for entry in stream_fasta(args.fasta, Namer(is_taken), force=False):
        if isinstance(entry, FastaRecord) and least <= len(entry.sequence) <= most and len(entry.chains) == 1:
            by_bin[(len(entry.sequence) - least) * bins // (most - least + 1)].append(entry)
    rng, drawn = random.Random(args.seed), list[FastaRecord]()
    for number in range(bins):
        wanted = args.number * (number + 1) // bins - args.number * number // bins
        if len(by_bin[number]) < wanted:
            raise SystemExit(
                f"{args.fasta} has {len(by_bin[number])} records in part {number + 1} of {bins} of the lengths, not {wanted}"
            )
        drawn += rng.sample(by_bin[number], wanted)
    rng.shuffle(drawn)
    path.write_text("".join(f">{record.name}\n{record.sequence}\n" for record in drawn))
    return sum(len(record.sequence) for record in drawn)


def run(command: list[str], out_dir: Path, *, kill_at: int | None = None) -> dict[str, object]:
    """One life of the batch, and the memory of its processes."""
    started, seen, done = time.monotonic(), defaultdict[int, list[int]](list), threading.Event()
    process = subprocess.Popen(command, start_new_session=True)

    def watch() -> None:
        while not done.wait(LOOK_EVERY):
            for pid, size in session_memory(process.pid).items():
                seen[pid].append(size)

    watcher = threading.Thread(target=watch)
    watcher.start()
    while process.poll() is None:
        time.sleep(LOOK_EVERY / 4)
        if kill_at is not None and num_done(out_dir) >= kill_at:
            os.killpg(process.pid, signal.SIGKILL)
    code = process.wait()
    done.set()
    watcher.join()
    memory = {
        ("parent" if pid == process.pid else f"worker {pid}"): over_time(sizes)
        for pid, sizes in seen.items()
        if len(sizes) >= 8
    }
    return {"exit_code": code, "seconds": round(time.monotonic() - started, 1), "mib": memory}


def num_done(out_dir: Path) -> int:
    """Targets that the journal, if there is one yet, says are done."""
    try:
        with closing(open_for_reading(out_dir / STATE_FOLDER)) as journal:
            return counts(journal)["done"]
    except (InputError, sqlite3.Error):
        return 0


def session_memory(session: int) -> dict[int, int]:
    """Resident bytes of the processes of a session, by number."""
    found: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                found[int(folder.name)] = int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):  # it ended meanwhile
            continue
    return found


def over_time(sizes: list[int]) -> dict[str, int]:
    """MiB: what it had on average in the second and in the last quarter of its life, and the most."""
    quarter = len(sizes) // 4
    early, late = statistics.mean(sizes[quarter : 2 * quarter]), statistics.mean(sizes[-quarter:])
    return {
        "early": round(early / MIB),
        "late": round(late / MIB),
        "most": round(max(sizes) / MIB),
        "looks": len(sizes),
    }


def journal_report(out_dir: Path) -> dict[str, object]:
    """What the journal says of all runs."""
    with closing(open_for_reading(out_dir / STATE_FOLDER)) as journal:
        runs = [dict(row) for row in journal.execute("SELECT seconds, fold_seconds, ended FROM runs ORDER BY id")]
        stages = journal.execute(
            "SELECT stage, count(*), sum(seconds), max(seconds), max(peak_bytes), sum(attempts), "
            "sum(json_extract(details, '$.together') IS NOT NULL) FROM stages WHERE state = 'done' GROUP BY stage"
        ).fetchall()
        states = counts(journal)
        failed = journal.execute("SELECT name, error FROM targets WHERE state = 'failed' ORDER BY name").fetchall()
    seconds, folding = (sum(row[name] for row in runs) for name in ("seconds", "fold_seconds"))
    return {
        "states": states,
        "failed": {row[0]: row[1] for row in failed},
        "seconds": round(seconds, 1),
        "fold_share": round(folding / seconds, 4) if seconds else None,
        "targets_per_hour": round(3600 * states["done"] / seconds, 1) if seconds else None,
        "runs": [{"seconds": round(row["seconds"], 1), "fold_share": share(row), "ended": row["ended"]} for row in runs],
        "stages": {
            row[0]: {
                "targets": row[1], "seconds": round(row[2], 1), "longest": round(row[3], 2), "peak_mib": round(row[4] / MIB),
                "attempts": row[5], "together": row[6],
            }
            for row in stages
        },
    }  # fmt: skip


def share(row: dict[str, float]) -> float | None:
    return round(row["fold_seconds"] / row["seconds"], 4) if row["seconds"] else None


if __name__ == "__main__":
    main()
