"""Identical sequences are folded once: the results of one name written again for another."""

import json
import time
from dataclasses import replace
from pathlib import Path

from alphafold_lite.batch.files import checksums, clear_leftovers, damaged
from alphafold_lite.batch.journal import Target
from alphafold_lite.batch.messages import STAGES, Stage, StageResult
from alphafold_lite.common.errors import TargetError
from alphafold_lite.outputs.files import RUN_FILE, SEARCH_FILE, fresh_output_folder, write_atomic
from alphafold_lite.outputs.run_record import RunRecord, sha256_of
from alphafold_lite.outputs.scores import to_json
from alphafold_lite.predict.folder import target_entry
from data_pipeline.feature_file import load_features, save_features
from data_pipeline.parsers.fasta import FastaRecord

_NOT_COPIED = (RUN_FILE, SEARCH_FILE, "features.npz")  # they hold the name


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
    last: Stage = "write" if "write" in source.stages else "features"
    msas = {name: _renamed(origin / name, source.name, target.name) for name in files if name.endswith(".a3m")}
    digests = {Path(name).stem: sha256_of(text) for name, text in msas.items()}
    records = {
        name: _record(json.loads((origin / name).read_text("utf-8")), target.record, digests)
        for name in (SEARCH_FILE, RUN_FILE)
        if name in files
    }
    decisive = RUN_FILE if RUN_FILE in records else SEARCH_FILE
    fingerprint = json.loads(records[decisive])["fingerprint"]
    clear_leftovers(folder)  # of a process that was killed while it copied
    fresh_output_folder(folder, fingerprint, overwrite=overwrite, record_name=decisive)
    for name, text in records.items():
        write_atomic(folder / name, text)
    for name in files:
        if name not in _NOT_COPIED:
            write_atomic(folder / name, msas[name] if name in msas else (origin / name).read_bytes())
    save_features(replace(load_features(origin / "features.npz"), name=target.name), folder / "features.npz")
    return StageResult(
        stage=last,
        seconds=time.monotonic() - started,
        device="none",
        peak_bytes=0,
        files={name: digest for stage in STAGES for name, digest in checksums(folder, stage).items()},
        details={"copied_from": source.name} if last == "write" else _searched(source) | {"searched_as": source.name},
    )


def _renamed(path: Path, old: str, new: str) -> str:
    """An alignment under the name of another query."""
    text, first = path.read_text("utf-8"), f">{old}\n"
    return f">{new}\n{text.removeprefix(first)}" if text.startswith(first) else text


def _searched(source: Target) -> dict[str, object]:
    """What the journal keeps of a search."""
    return json.loads(source.stages["search"]["details"]) if "search" in source.stages else {}


def _record(content: dict[str, object], record: FastaRecord, msas: dict[str, str]) -> str:
    """The record of the source as that of another name. Its note of a lower rung stays."""
    lower_rung = content.pop("out_of_memory", None)
    parts = {name: value for name, value in content.items() if name != "fingerprint"}
    text = RunRecord(**(parts | {"target": target_entry(record), "msas": msas})).to_json()  # type: ignore[arg-type]
    return text if lower_rung is None else to_json(json.loads(text) | {"out_of_memory": lower_rung})
