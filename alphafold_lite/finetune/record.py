"""`finetune.json`: what a folder was asked for, so that `--resume` needs nothing else."""

import json
from pathlib import Path
from typing import Any

from alphafold_lite.common.errors import InputError
from alphafold_lite.finetune.settings import FinetuneSettings
from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.outputs.scores import to_json
from alphafold_lite.training import settings
from alphafold_lite.weights.registry import ParameterSource

RECORD = "finetune.json"
FORMAT = 1


def write_record(out: Path, request: FinetuneSettings, source: ParameterSource) -> None:
    """Settings, and the digest of the parameters that the run starts from."""
    content = {"format": FORMAT, "settings": settings.to_plain(request), "parameters_sha256": source.sha256}
    write_atomic(out / RECORD, to_json(content))


def read_record(out: Path) -> tuple[FinetuneSettings, str]:
    """Settings, and the digest.

    Raises:
        InputError: no record there, or another one.
    """
    path = out / RECORD
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError("another format")
        return settings.from_plain(FinetuneSettings, content["settings"]), str(content["parameters_sha256"])
    except (OSError, ValueError, KeyError) as error:
        found = f"{type(error).__name__} {error}"
        raise InputError(
            f"a fine-tuning to resume ({path})", found, "leave --resume out, or correct --out-dir"
        ) from error


def check_same(source: ParameterSource, digest: str) -> None:
    """The frozen parameters of a run are those of its start, which are not kept with it.

    Raises:
        InputError: the file has changed.
    """
    if source.sha256 != digest:
        raise InputError("the parameters that the run started from", f"others at {source.origin}", "restore the file")
