"""Files appear whole or not at all, and never replace the results of another configuration unasked."""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from alphafold_lite.common.errors import InputError

RUN_FILE = "run.json"
SEARCH_FILE = "search.json"  # in its place where a target is searched and not folded

# Every name this program gives to a file in a target's folder.
_OWN_FILES = (
    RUN_FILE,
    SEARCH_FILE,
    "unrelaxed_*.pdb",
    "relaxed_*.pdb",
    "ranked_*.pdb",
    "confidence_*.json",
    "pae_*.json",
    "pae_*.png",
    "ranking_debug.json",
    "relax_metrics.json",
    "timings.json",
    "features.npz",
    "msas/*.a3m",
    "msas/*.sto",
    "msas/*.hhr",
    "templates.json",
)


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write to a temporary name in the same folder, flush to disk, then rename; makes the folder, writes text as UTF-8.

    Raises:
        InputError: the folder cannot be written (missing rights, read-only, full); nothing is left behind.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".tmp-{os.getpid()}-{abs(hash(path.name)):x}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path.parent, error) from error


def write_npz(path: Path, arrays: Mapping[str, np.ndarray], *, compress: bool = True) -> None:
    """Arrays as they are, without pickle, whole or not at all; errors as `write_atomic`."""
    stream = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(stream, allow_pickle=False, **arrays)
    write_atomic(path, stream.getvalue())


def unwritable(folder: Path, error: OSError) -> InputError:
    """The error for an output folder that refuses files."""
    reason = (error.strerror or str(error)).lower()
    return InputError(
        f"an output folder that can be written ({folder})", reason, "choose another --out-dir or free some space"
    )


def fresh_output_folder(
    folder: Path, fingerprint: str, *, overwrite: bool = False, record_name: str = RUN_FILE
) -> Path:
    """Make the folder of one target ready for the results of the run that `fingerprint` identifies.

    A folder that holds results of the same run is accepted as it is (they are written again). With `overwrite`, results of
    another run are removed first: only files under the names that this program uses; anything else stays.

    Args:
        fingerprint: `RunRecord.fingerprint` of the run that is about to write.
        record_name: the file that tells the fingerprint of what is there.

    Raises:
        InputError: results of another configuration are there and `overwrite` is off, or the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        present = sorted(path for pattern in _OWN_FILES for path in folder.glob(pattern))
        if present and fingerprint_in(folder / record_name) != fingerprint:
            if not overwrite:
                raise InputError(
                    f"no results of another configuration in {folder}",
                    f"{len(present)} files, such as {present[0].name}",
                    "give --overwrite to replace them, or another --out-dir",
                )
            for path in present:
                path.unlink()
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


def fingerprint_in(run_file: Path) -> str | None:
    """What an earlier run left in its record; None where there is no readable record."""
    if not run_file.is_file():
        return None
    try:
        record = json.loads(run_file.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return record.get("fingerprint") if isinstance(record, dict) else None
