"""Which files of a target's folder belong to which stage, their checksums, and the lock on the output folder."""

import fcntl
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from alphafold_lite.batch.messages import Stage
from alphafold_lite.batch.schema import JOURNAL
from alphafold_lite.batch.shards import Shard
from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.files import RUN_FILE, SEARCH_FILE, unwritable
from alphafold_lite.outputs.run_record import sha256_of

STATE_FOLDER = ".batch"  # in the output folder; no target's folder begins with a dot
_LOCK, _WORKERS_LOCK, _SCRATCH = "lock", "workers.lock", "scratch"
_DISTOGRAMS = "distograms"
WORKERS_PATIENCE = 30.0  # seconds that workers of a run that was killed have to end
# run.json stands twice: folding on a lower rung notes it there. Where features were searched apart, folding alone writes it.
_OWNED: dict[Stage, tuple[str, ...]] = {
    "search": (),
    "features": (RUN_FILE, SEARCH_FILE, "features.npz", "templates.json", "msas/*"),
    "fold": (RUN_FILE, "unrelaxed_*.pdb", "confidence_*.json", "pae_*", "ranking_debug.json"),
    "relax": ("relaxed_*.pdb",),
    "write": ("ranked_*.pdb", "relax_metrics.json", "timings.json"),
}
_TEMPORARY = (".tmp-*", ".features.npz.*.tmp", "msas/.tmp-*")


def checksums(folder: Path, stage: Stage) -> dict[str, str]:
    """SHA-256 of the files of one stage, by path in the folder."""
    patterns = set(_OWNED[stage])
    if stage == "features" and (folder / SEARCH_FILE).is_file():
        patterns.remove(RUN_FILE)
    paths = sorted(path for pattern in patterns for path in folder.glob(pattern) if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in paths}


def damaged(folder: Path, files: Mapping[str, str]) -> list[str]:
    """The files that are missing or are not what they were."""
    return [name for name, digest in files.items() if not _is(folder / name, digest)]


def _is(path: Path, digest: str) -> bool:
    try:
        return sha256_of(path) == digest
    except OSError:
        return False


def state_path(out_dir: Path, shard: Shard | None = None) -> Path:
    """The folder of journal, locks and scratch files; each shard has its own."""
    folder = out_dir / STATE_FOLDER
    return folder if shard is None else folder / shard.folder_name


def state_folder(out_dir: Path, shard: Shard | None = None) -> Path:
    """`state_path`, made where it is not there.

    Raises:
        InputError: it cannot be made, or there are shards of another division.
    """
    folder = state_path(out_dir, shard)
    if shard is not None and (others := {other.number for other in shards_in(out_dir)} - {shard.number}):
        number = min(others)
        action = f"go on with --shard I/{number}, choose another --out-dir, or remove {STATE_FOLDER}/shard-*-of-{number} in it"
        raise InputError(f"{out_dir} divided into {shard.number} shards", f"shards of {number}", action)
    try:
        (folder / _SCRATCH).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(out_dir, error) from error
    return folder


def shards_in(out_dir: Path) -> list[Shard]:
    """Shards that have a journal in an output folder, in order."""
    found = [Shard.of_folder(path.parent.name) for path in (out_dir / STATE_FOLDER).glob(f"*/{JOURNAL}")]
    return sorted((shard for shard in found if shard is not None), key=lambda shard: (shard.number, shard.index))


def scratch_file(out_dir: Path, key: str, shard: Shard | None = None) -> Path:
    """Where results of one target wait for relaxation."""
    return state_path(out_dir, shard) / _SCRATCH / f"{key}.npz"


def distograms_folder(out_dir: Path, shard: Shard | None = None) -> Path:
    """Where distograms are kept, if they are asked for."""
    return state_path(out_dir, shard) / _DISTOGRAMS


def distogram_file(out_dir: Path, key: str, shard: Shard | None = None) -> Path:
    """The distogram of one target."""
    return distograms_folder(out_dir, shard) / f"{key}.npz"


def clear_leftovers(folder: Path) -> None:
    """Remove what a process that was killed had begun to write for a target; nobody else may be writing there."""
    _remove(folder, _TEMPORARY)


def clear_results(folder: Path) -> None:
    """Remove all that was folded of a target, so that what was searched is left."""
    _remove(folder, sorted({pattern for stage in ("fold", "relax", "write") for pattern in _OWNED[stage]}))


def clear_state(out_dir: Path, shard: Shard | None = None) -> None:
    """The same for the files of a whole batch; those of other shards are left alone."""
    _remove(state_path(out_dir, shard), (".tmp-*", f"{_SCRATCH}/.tmp-*", f"{_DISTOGRAMS}/.tmp-*"))
    if shard is None:
        _remove(out_dir, (".tmp-*",))


def _remove(folder: Path, patterns: Iterable[str]) -> None:
    for pattern in patterns:
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)


@contextmanager
def locked(out_dir: Path, shard: Shard | None = None) -> Generator[None]:
    """Hold the output folder for this process, or one shard's part of it; wait for workers of a run that was killed.

    Shards hold a share of the lock that a batch of everything takes whole.

    Raises:
        InputError: another process holds it, or it cannot be written.
    """
    root = out_dir / STATE_FOLDER
    others = [state_path(out_dir, other) for other in shards_in(out_dir)] if shard is None else [root]
    try:
        with ExitStack() as held:
            _hold(held, root / _LOCK, out_dir, whole=shard is None)
            if shard is not None:
                _hold(held, state_path(out_dir, shard) / _LOCK, out_dir, whole=True)
            for folder in (state_path(out_dir, shard), *others):
                _await_workers(folder, out_dir)
            yield
    except OSError as error:
        raise unwritable(out_dir, error) from error


def _hold(held: ExitStack, path: Path, out_dir: Path, *, whole: bool) -> None:
    if not _take(held.enter_context(path.open("a+")), fcntl.LOCK_EX if whole else fcntl.LOCK_SH, seconds=0.0):
        action = "wait for it, or choose another --out-dir"
        raise InputError(f"an output folder that no other batch uses ({out_dir})", "one at work in it", action)


def _await_workers(folder: Path, out_dir: Path) -> None:
    with (folder / _WORKERS_LOCK).open("a+") as workers:
        if not _take(workers, fcntl.LOCK_EX, seconds=WORKERS_PATIENCE):
            action = "end these processes, then run it again"
            raise InputError(f"no worker of an earlier run in {out_dir}", "one still at work", action)


def in_use(out_dir: Path, shard: Shard | None = None) -> bool:
    """Whether a batch, or that shard of one, is at work in the folder."""
    try:
        with (state_path(out_dir, shard) / _LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def hold_share(out_dir: Path, shard: Shard | None = None) -> TextIO:
    """Take a worker's share of a lock that it holds while it lives; it is given back when the process ends."""
    stream = (state_path(out_dir, shard) / _WORKERS_LOCK).open("a+")
    fcntl.flock(stream, fcntl.LOCK_SH)
    return stream


def _take(stream: TextIO, kind: int, *, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(stream, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.05)
