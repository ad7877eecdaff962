"""What a batch has in its journal and folders about single targets, in the words of `predict`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection, Row
from typing import Any

from alphafold_lite.batch.files import state_path
from alphafold_lite.batch.messages import STAGES
from alphafold_lite.batch.rows import DONE, FAILED
from alphafold_lite.batch.schema import open_for_reading
from alphafold_lite.common.errors import EXIT_OK
from alphafold_lite.outputs.files import RUN_FILE


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetSummary:
    """The object that `predict --json` prints, and the model whose accuracy asks for a caution."""

    content: dict[str, Any]
    caution_of: str | None


class Reports:
    """Reads the journal of a batch that may be running.

    Args:
        out_dir: of the batch.

    Raises:
        InputError: there is no journal, or it cannot be read.
    """

    def __init__(self, out_dir: Path) -> None:
        self._out_dir, self._journal = out_dir, open_for_reading(state_path(out_dir))

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def ended(self) -> Iterator[str]:
        """Names of the targets of the last run that are done or failed, in the order of the FASTA file."""
        query = (
            "SELECT name FROM targets WHERE run = (SELECT max(id) FROM runs) AND selected AND state IN (?, ?) "
            "ORDER BY number"
        )
        return (row["name"] for row in self._journal.execute(query, (DONE, FAILED)))

    def exit_codes(self) -> list[int]:
        """The distinct codes of the targets of the last run, 0 for those that are done."""
        query = "SELECT DISTINCT exit_code FROM targets WHERE run = (SELECT max(id) FROM runs) AND selected"
        return [row["exit_code"] or EXIT_OK for row in self._journal.execute(query)]

    def target(self, name: str) -> TargetSummary:
        """What `predict` tells of a target."""
        row = self._journal.execute("SELECT * FROM targets WHERE name = ?", (name,)).fetchone()
        stages, folder = _stages(self._journal, name), self._out_dir / name
        run = _content(folder / RUN_FILE) if row["state"] == DONE else {}
        details = self._details(stages)
        content = {
            "name": name,
            "header": row["header"],
            "status": row["state"],
            "error": row["error"],
            "folder": str(folder),
            "seconds": round(sum(stage["seconds"] or 0.0 for stage in stages.values()), 3),
            "untrained": any(entry["untrained"] for entry in run.get("parameters", ())),
            "note": run.get("note"),
            "models": _models(details, folder) if row["state"] == DONE else [],
        }
        return TargetSummary(content=content, caution_of=details.get("caution_of"))

    def _details(self, stages: dict[str, Row]) -> dict[str, Any]:
        """What was noted of the target, or of the one that it was copied from."""
        details = _joined(stages)
        source = details.get("copied_from")
        return details if source is None else _joined(_stages(self._journal, source))


def _models(details: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """An entry for each structure, best first."""
    metrics = _content(folder / "relax_metrics.json")
    entries: list[dict[str, Any]] = []
    for rank, model in enumerate(details.get("models", ())):
        status, pdb = metrics.get(model["name"], {}).get("status"), str(folder / f"ranked_{rank}.pdb")
        entries.append(model | {"relaxation": status, "pdb": pdb})
    return entries


def _stages(journal: Connection, name: str) -> dict[str, Row]:
    found = {row["stage"]: row for row in journal.execute("SELECT * FROM stages WHERE name = ?", (name,))}
    return {stage: found[stage] for stage in STAGES if stage in found}


def _joined(stages: dict[str, Row]) -> dict[str, Any]:
    details: dict[str, Any] = {}
    for stage in stages.values():
        details |= json.loads(stage["details"])
    return details


def _content(path: Path) -> dict[str, Any]:
    """A JSON object of a target's folder; empty where there is none that can be read."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
