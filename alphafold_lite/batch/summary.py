"""`summary.csv` and `summary.json`: a row a target, read from the journal as it is written."""

import csv
import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection
from typing import TextIO

from alphafold_lite.batch.files import state_path
from alphafold_lite.batch.schema import open_for_reading
from alphafold_lite.batch.shards import Shard
from alphafold_lite.outputs.files import unwritable

COLUMNS = (
    "name", "length", "status", "msa_depth", "mean_plddt", "ptm", "iptm", "seconds", "fold_seconds", "peak_bytes", "device", "rung",
    "relaxation", "same_as", "reason",
)  # fmt: skip
GIB = 2**30


def write_summary(out_dir: Path, shard: Shard | None = None) -> None:
    """Write both files into the output folder, those of a shard beside its journal, whole or not at all.

    Raises:
        InputError: no journal, or a folder that cannot be written.
    """
    folder = summary_folder(out_dir, shard)
    with closing(open_for_reading(state_path(out_dir, shard))) as journal:
        _write(folder / "summary.csv", journal, _csv)
        _write(folder / "summary.json", journal, _json)


def summary_folder(out_dir: Path, shard: Shard | None = None) -> Path:
    """Where both files lie."""
    return out_dir if shard is None else state_path(out_dir, shard)


def rows(journal: Connection) -> Iterator[dict[str, object]]:
    """A row a target of the last run, in the order of the FASTA file; targets that --only left out are in it too."""
    query = "SELECT * FROM targets WHERE run = (SELECT max(id) FROM runs) ORDER BY number"
    for target in journal.execute(query):
        yield _row(journal, dict(target))


def counts(journal: Connection) -> dict[str, int]:
    """Targets of the last run that are selected, by state; `active` ones count as pending where nothing runs."""
    query = "SELECT state, count(*) FROM targets WHERE run = (SELECT max(id) FROM runs) AND selected GROUP BY state"
    return {"done": 0, "failed": 0, "active": 0, "pending": 0} | {row[0]: row[1] for row in journal.execute(query)}


def last_run(journal: Connection) -> dict[str, object]:
    """Seconds of the last run, the share of them in which a fold call ran (the mean of its folding workers), and how it ended."""
    row = journal.execute("SELECT * FROM runs ORDER BY id DESC LIMIT 1").fetchone()
    if row is None:
        return {}
    workers = row["fold_workers"]
    share = row["fold_seconds"] / row["seconds"] / workers if row["seconds"] else None
    return {
        "started": row["started"],
        "seconds": round(row["seconds"], 3),
        "fold_share": None if share is None else round(share, 4),
        "fold_workers": workers,
        "ended": row["ended"],
    }


def _row(journal: Connection, target: dict[str, object]) -> dict[str, object]:
    stages = {row["stage"]: row for row in journal.execute("SELECT * FROM stages WHERE name = ?", (target["name"],))}
    details: dict[str, object] = {}
    for stage in stages.values():
        details |= json.loads(stage["details"])
    source = stages
    if (same_as := details.get("copied_from")) is not None:
        source = {row["stage"]: row for row in journal.execute("SELECT * FROM stages WHERE name = ?", (same_as,))}
        for stage in source.values():
            details = json.loads(stage["details"]) | details
    fold = source.get("fold")
    plddt, ptm, iptm = (details.get(name) for name in ("mean_plddt", "ptm", "iptm"))
    relaxation = details.get("relaxation")
    return {
        "name": target["name"],
        "length": target["length"],
        "status": target["state"],
        "msa_depth": details.get("msa_depth"),
        "mean_plddt": _rounded(plddt, 2),
        "ptm": _rounded(ptm, 4),
        "iptm": _rounded(iptm, 4),
        "seconds": round(sum(stage["seconds"] or 0.0 for stage in stages.values()), 3),
        "fold_seconds": None if fold is None else _rounded(fold["seconds"], 3),
        "peak_bytes": None if fold is None else fold["peak_bytes"],
        "device": None if fold is None else fold["device"],
        "rung": details.get("rung"),
        "relaxation": ", ".join(map(str, relaxation)) if isinstance(relaxation, list) else None,
        "same_as": same_as,
        "reason": target["error"],
    }


def _rounded(value: object, digits: int) -> float | None:
    return round(value, digits) if isinstance(value, float) else None


def _csv(stream: TextIO, journal: Connection) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([row[column] for column in COLUMNS] for row in rows(journal))


def _json(stream: TextIO, journal: Connection) -> None:
    """One object, a line a target, so that nothing large is held."""
    head = json.dumps({"counts": counts(journal), "run": last_run(journal)})
    stream.write(head[:-1] + ', "targets": [')
    stream.writelines(("\n" if number == 0 else ",\n") + json.dumps(row) for number, row in enumerate(rows(journal)))
    stream.write("\n]}\n")


def _write(path: Path, journal: Connection, fill: Callable[[TextIO, Connection], None]) -> None:
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        try:
            with temporary.open("w", encoding="utf-8", newline="") as stream:
                fill(stream, journal)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path.parent, error) from error
