"""The journal's rows: their states, and which ones a batch may have written."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from alphafold_lite.batch.messages import STAGES
from data_pipeline.parsers.fasta import FastaRecord

PENDING, ACTIVE, DONE, FAILED = "pending", "active", "done", "failed"
SEARCHED = "searched"  # by a run that only searches: done, as far as that goes
RUNNING, LEFT = "running", "interrupted"  # further states of stages
COLUMNS = {
    "meta": ("name", "value"),
    "runs": ("id", "started", "seconds", "fold_seconds", "fold_workers", "ended"),
    "targets": (
        "name", "number", "header", "key", "length", "record", "state", "run", "selected", "error", "exit_code", "finished",
    ),
    "stages": (
        "name", "stage", "key", "state", "attempts", "started", "seconds", "device", "peak_bytes", "files", "details", "error",
    ),
}  # fmt: skip
_TARGET_STATES = {PENDING, ACTIVE, DONE, FAILED, SEARCHED}
_STAGE_STATES = {PENDING, RUNNING, LEFT, DONE, FAILED}
_RECORD = {field.name for field in fields(FastaRecord)}
_NUMBERS = {"id", "started", "seconds", "fold_seconds", "fold_workers", "number", "length", "run", "selected", "exit_code", "finished",
            "attempts", "peak_bytes"}  # fmt: skip


def read_row(table: str, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """A row with its text decoded; None where no batch can have written it.

    SQLite notices a page that is out of shape, but not a letter that is another one.

    Args:
        table: one of `COLUMNS`.
        row: as it is stored, with text as bytes.
    """
    try:
        values = {name: value.decode() if isinstance(value, bytes) else value for name, value in row.items()}
        is_sound = all(isinstance(value, int | float | None) for name, value in values.items() if name in _NUMBERS)
        is_sound = is_sound and all(
            isinstance(value, str | None) for name, value in values.items() if name not in _NUMBERS
        )
        if table == "targets":
            is_sound = is_sound and values["state"] in _TARGET_STATES and _is_record(values["record"])
        elif table == "stages":
            is_sound = is_sound and values["state"] in _STAGE_STATES and values["stage"] in STAGES
            is_sound = is_sound and _is_files(values["files"]) and isinstance(json.loads(values["details"]), dict)
    except (ValueError, TypeError):  # of bytes that are no text, and text that is no JSON
        return None
    return values if is_sound else None


def _is_record(text: str) -> bool:
    """Whether it is the record of a target; of one that cannot be used it is empty."""
    content: object = json.loads(text) if text else dict.fromkeys(_RECORD)
    return isinstance(content, dict) and content.keys() == _RECORD


def _is_files(text: str) -> bool:
    content: object = json.loads(text)
    return isinstance(content, dict) and all(isinstance(digest, str) for digest in content.values())  # type: ignore[reportUnknownVariableType]
