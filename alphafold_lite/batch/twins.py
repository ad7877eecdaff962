"""Identical sequences are folded once: the results of one name written again for another."""

import json
import time
from dataclasses import replace
from pathlib import Path

from alphafold_lite.batch.files import checksums, damaged
from alphafold_lite.batch.journal import Target
from alphafold_lite.batch.messages import STAGES, StageResult
from alphafold_lite.common.errors import TargetError
from alphafold_lite.outputs.files import RUN_FILE, fresh_output_folder, write_atomic
from alphafold_lite.outputs.run_record import RunRecord, sha256_of
from alphafold_lite.outputs.scores import to_json
from alphafold_lite.predict.folder import target_entry
from data_pipeline.feature_file import load_features, save_features
from data_pipeline.parsers.fasta import FastaRecord

_NOT_COPIED = (RUN_FILE, "features.npz")  # they hold the name


def copy_results(source: Target, target: Target, out_dir: Path, *, overwrite: bool) -> StageResult:
    """Write what a done target left as the results of another of the same sequence.

    Raises:
        TargetError: files of the source are missing or damaged.
        InputError: the folder cannot be written, or holds other results.
    """
    started = time.monotonic()
    files: dict[str, str] = {}
    for stage in STAGES:
        if stage in source.stages:
            files |= json.loads(source.stages[stage]["files"])
    origin, folder = out_dir / source.name, out_dir / target.name
    if bad := damaged(origin, files):
        raise TargetError(f"the results of {source.name} as they were written", f"{bad[0]} damaged", "run it again")
    msas = {name: _renamed(origin / name, source.name, target.name) for name in files if name.endswith(".a3m")}
    content = json.loads((origin / RUN_FILE).read_text("utf-8"))
    lower_rung = content.pop("out_of_memory", None)
    record = _record(content, target.record, {Path(name).stem: text for name, text in msas.items()})
    fresh_output_folder(folder, record.fingerprint, overwrite=overwrite)
    text = record.to_json()
    write_atomic(
        folder / RUN_FILE, text if lower_rung is None else to_json(json.loads(text) | {"out_of_memory": lower_rung})
    )
    for name in files:
        if name not in _NOT_COPIED:
            write_atomic(folder / name, msas[name] if name in msas else (origin / name).read_bytes())
    save_features(replace(load_features(origin / "features.npz"), name=target.name), folder / "features.npz")
    return StageResult(
        stage="write",
        seconds=time.monotonic() - started,
        device="none",
        peak_bytes=0,
        files={name: digest for stage in STAGES for name, digest in checksums(folder, stage).items()},
        details={"copied_from": source.name},
    )


def _renamed(path: Path, old: str, new: str) -> str:
    """An alignment under the name of another query."""
    text, first = path.read_text("utf-8"), f">{old}\n"
    return f">{new}\n{text.removeprefix(first)}" if text.startswith(first) else text


def _record(content: dict[str, object], record: FastaRecord, msas: dict[str, str]) -> RunRecord:
    """The run record of the source as that of another name."""
    parts = {name: value for name, value in content.items() if name != "fingerprint"}
    digests = {name: sha256_of(text) for name, text in msas.items()}
    return RunRecord(**(parts | {"target": target_entry(record), "msas": digests}))  # type: ignore[arg-type]
