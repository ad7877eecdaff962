"""What is wrong with the output folder of a batch: for `soak.py`, at any time and at the end beside a batch that nobody disturbed."""

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import gemmi

from alphafold_lite.batch.files import state_path
from alphafold_lite.batch.plan import first_broken
from alphafold_lite.batch.schema import JOURNAL
from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.files import RUN_FILE
from data_pipeline.feature_file import load_features

VOLATILE = "timings.json"


def copied_journal(out: Path, copy: Path) -> Path:
    """The journal with its write-ahead log as they are now, elsewhere: to look at it repairs nothing."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for path in state_path(out).glob(f"{JOURNAL}*"):
        shutil.copy(path, copy / path.name)
    return copy / JOURNAL


def journal_rows(path: Path) -> tuple[list[str], list[dict[str, Any]], dict[str, dict[str, sqlite3.Row]]]:
    """What SQLite says is wrong, all targets, and the stages that are done by target."""
    with closing(sqlite3.connect(path)) as journal:
        journal.row_factory = sqlite3.Row
        faults = [row[0] for row in journal.execute("PRAGMA integrity_check") if row[0] != "ok"]
        if not journal.execute("SELECT 1 FROM sqlite_master WHERE name = 'stages'").fetchone():
            return faults, [], {}
        stages: dict[str, dict[str, sqlite3.Row]] = {}
        for row in journal.execute("SELECT * FROM stages WHERE state = 'done'"):
            stages.setdefault(row["name"], {})[row["stage"]] = row
        return faults, [dict(row) for row in journal.execute("SELECT * FROM targets")], stages


def standing_faults(out: Path, copy: Path) -> list[str]:
    """What is wrong with the folder of a batch while none of its processes lives."""
    if not (state_path(out) / JOURNAL).is_file():
        return []
    faults, targets, stages = journal_rows(copied_journal(out, copy))
    done = [target["name"] for target in targets if target["state"] == "done"]
    for name in done:
        if (stage := first_broken(stages.get(name, {}), out / name)) is not None:  # type: ignore[arg-type]
            faults.append(f"{name}: files of its stage {stage} are not those of the journal")
    return faults + list(half_written(out))


def half_written(out: Path) -> Iterator[str]:
    """Files under their final names that cannot be read."""
    for path in sorted(path for path in out.rglob("[!.]*.*") if path.is_file() and ".batch" not in path.parts):
        try:
            if path.suffix == ".json":
                json.loads(path.read_text("utf-8"))
            elif path.suffix == ".pdb":
                text = path.read_text("utf-8")
                if not text.rstrip().endswith("END") or not len(gemmi.read_pdb_string(text)):
                    raise ValueError("no end")
            elif path.suffix == ".npz":
                load_features(path)
            elif path.suffix == ".a3m" and not path.read_text("utf-8").endswith("\n"):
                raise ValueError("no end")
        except (OSError, ValueError, RuntimeError, InputError) as error:
            yield f"{path.relative_to(out)}: {error}"


def final_faults(out: Path, undisturbed: Path, copy: Path) -> list[str]:
    """What is wrong with a batch that is done, beside one that nobody disturbed."""
    faults = standing_faults(out, copy)
    names = sorted(path.name for path in undisturbed.iterdir() if path.is_dir() and not path.name.startswith("."))
    folders = sorted(path.name for path in out.iterdir() if path.is_dir() and not path.name.startswith("."))
    summary = [row["name"] for row in json.loads((out / "summary.json").read_text("utf-8"))["targets"]]
    targets = [target["name"] for target in journal_rows(copied_journal(out, copy))[1] if target["state"] == "done"]
    for what, found in (("folders", folders), ("summary.json", summary), ("done in the journal", targets)):
        lost, extra = Counter(names) - Counter(found), Counter(found) - Counter(names)
        faults += [f"lost from {what}: {name}" for name in lost] + [
            f"twice or unknown in {what}: {name}" for name in extra
        ]
    faults += [f"a temporary file is left: {path}" for path in out.rglob("*") if ".tmp" in path.name]
    for name in set(names) & set(folders):
        ours, theirs = content(out / name), content(undisturbed / name)
        differing = [path for path in sorted(ours.keys() | theirs.keys()) if ours.get(path) != theirs.get(path)]
        faults += [f"{name}/{path}: not as undisturbed" for path in differing]
    return faults


def content(folder: Path) -> dict[str, object]:
    """All files but the one that holds times; the record without its note of a worker that died, which may have been for lack of memory."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        if path.is_file() and path.name != VOLATILE:
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    record = json.loads((folder / RUN_FILE).read_text("utf-8"))
    return found | {RUN_FILE: {name: value for name, value in record.items() if name != "out_of_memory"}}
