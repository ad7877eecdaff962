"""Which files of a target's folder belong to which stage, their checksums, and the lock on the output folder."""

import fcntl
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from alphafold_lite.batch.messages import Stage
from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.files import RUN_FILE, unwritable
from alphafold_lite.outputs.run_record import sha256_of

STATE_FOLDER = ".batch"  # in the output folder; no target's folder begins with a dot
_LOCK, _WORKERS_LOCK, _SCRATCH = "lock", "workers.lock", "scratch"
WORKERS_PATIENCE = 30.0  # seconds that workers of a run that was killed have to end
# run.json stands twice: folding on a lower rung notes it there.
_OWNED: dict[Stage, tuple[str, ...]] = {
    "search": (),
    "features": (RUN_FILE, "features.npz", "templates.json", "msas/*"),
    "fold": (RUN_FILE, "unrelaxed_*.pdb", "confidence_*.json", "pae_*", "ranking_debug.json"),
    "relax": ("relaxed_*.pdb",),
    "write": ("ranked_*.pdb", "relax_metrics.json", "timings.json"),
}
_TEMPORARY = (".tmp-*", ".features.npz.*.tmp", "msas/.tmp-*", f"{STATE_FOLDER}/{_SCRATCH}/.tmp-*")


def checksums(folder: Path, stage: Stage) -> dict[str, str]:
    """SHA-256 of the files of one stage, by path in the folder."""
    paths = sorted(path for pattern in _OWNED[stage] for path in folder.glob(pattern) if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in paths}


def damaged(folder: Path, files: Mapping[str, str]) -> list[str]:
    """The files that are missing or are not what they were."""
    return [name for name, digest in files.items() if not _is(folder / name, digest)]


def _is(path: Path, digest: str) -> bool:
    try:
        return sha256_of(path) == digest
    except OSError:
        return False


def state_folder(out_dir: Path) -> Path:
    """The folder of journal, locks and scratch files, made where it is not there.

    Raises:
        InputError: it cannot be made.
    """
    folder = out_dir / STATE_FOLDER
    try:
        (folder / _SCRATCH).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(out_dir, error) from error
    return folder


def scratch_file(out_dir: Path, key: str) -> Path:
    """Where results of one target wait for relaxation."""
    return out_dir / STATE_FOLDER / _SCRATCH / f"{key}.npz"


def clear_leftovers(folder: Path) -> None:
    """Remove what a process that was killed had begun to write; nobody else may be writing there."""
    for pattern in _TEMPORARY:
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)


@contextmanager
def locked(out_dir: Path) -> Generator[None]:
    """Hold the output folder for this process; wait for workers of a run that was killed.

    Raises:
        InputError: another process holds it, or it cannot be written.
    """
    try:
        with (out_dir / STATE_FOLDER / _LOCK).open("a") as lock, worker_lock(out_dir) as workers:
            if not _take(lock, seconds=0.0):
                action = "wait for it, or choose another --out-dir"
                raise InputError(f"an output folder that no other batch uses ({out_dir})", "one at work in it", action)
            if not _take(workers, seconds=WORKERS_PATIENCE):
                action = "end these processes, then run it again"
                raise InputError(f"no worker of an earlier run in {out_dir}", "one still at work", action)
            fcntl.flock(workers, fcntl.LOCK_UN)
            yield
    except OSError as error:
        raise unwritable(out_dir, error) from error


def in_use(out_dir: Path) -> bool:
    """Whether a batch is at work in the folder."""
    try:
        with (out_dir / STATE_FOLDER / _LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def worker_lock(out_dir: Path) -> TextIO:
    """The file that every worker holds a share of while it lives."""
    return (out_dir / STATE_FOLDER / _WORKERS_LOCK).open("a")


def hold_share(out_dir: Path) -> TextIO:
    """Take a worker's share; it is given back when the process ends."""
    stream = worker_lock(out_dir)
    fcntl.flock(stream, fcntl.LOCK_SH)
    return stream


def _take(stream: TextIO, *, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.05)
