"""Files of a target to a worker on another machine and back, so that machines need no folder in common. The keeper of the journal alone
writes into the output folder; a worker has a folder of its own, for one job at a time."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from alphafold_lite.batch.messages import Job, Role, StageResult
from alphafold_lite.common.errors import InputError, TargetError
from alphafold_lite.outputs.files import RUN_FILE, SEARCH_FILE, fresh_output_folder, write_atomic
from alphafold_lite.outputs.run_record import sha256_of

_NEEDED: dict[Role, tuple[str, ...]] = {"search": (), "fold": (RUN_FILE, "features.npz"), "relax": (RUN_FILE,)}
_FOLDER, _SCRATCH = "target", "results.npz"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """A job with the files that it needs."""

    job: Job
    files: dict[str, bytes]
    scratch: bytes | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A result with the files that it names, and what is handed on to relaxation."""

    result: StageResult
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    scratch: bytes | None = None


def pack(job: Job, role: Role) -> Parcel:
    """Read what a worker of a role needs for a job.

    Raises:
        TargetError: a file is missing.
    """
    try:
        files = {name: (job.folder / name).read_bytes() for name in _NEEDED[role]}
        return Parcel(job=job, files=files, scratch=job.scratch.read_bytes() if role == "relax" else None)
    except OSError as error:
        action = "run it again; it is done anew"
        raise TargetError(f"the files of the stages before, in {job.folder}", str(error), action) from error


def unpack(parcel: Parcel, folder: Path) -> Job:
    """Lay a job's files out in an empty folder; the job as it is to be done there."""
    job = replace(parcel.job, folder=folder / _FOLDER, scratch=folder / _SCRATCH)
    for name, content in parcel.files.items():
        write_atomic(inside(job.folder, name), content)
    if parcel.scratch is not None:
        write_atomic(job.scratch, parcel.scratch)
    return job


def collect(job: Job, result: StageResult) -> Delivery:
    """Read what a stage left in the folder of a job."""
    scratch = job.scratch.read_bytes() if result.stage == "fold" and job.scratch.is_file() else None
    return Delivery(
        result=result, files={name: (job.folder / name).read_bytes() for name in result.files}, scratch=scratch
    )


def store(delivery: Delivery, job: Job) -> None:
    """Write what was delivered where the job says, whole or not at all.

    Raises:
        TargetError: what came is not what was sent.
        InputError: the folder cannot be written, or holds results of another configuration and the job does not overwrite.
    """
    files, digests = delivery.files, delivery.result.files
    bad = [name for name in digests.keys() | files.keys() if sha256_of(files.get(name, b"")) != digests.get(name)]
    if bad:
        raise TargetError("files as the worker wrote them", f"{min(bad)} changed on the way", "run it again")
    if delivery.result.stage == "features":
        fingerprint = json.loads(files[RUN_FILE])["fingerprint"]
        fresh_output_folder(job.folder, fingerprint, overwrite=job.overwrite)
        (job.folder / SEARCH_FILE).unlink(missing_ok=True)  # of an earlier search, as `TargetFolder` has it
    for name in sorted(files, key=lambda name: name != RUN_FILE):  # which says what the others are
        write_atomic(inside(job.folder, name), files[name])
    if delivery.scratch is not None:
        write_atomic(job.scratch, delivery.scratch)


def inside(folder: Path, name: str) -> Path:
    """A path below a folder.

    Raises:
        InputError: the name leads out of it.
    """
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts:
        raise InputError("a file name inside the folder of its target", repr(name), "see what the worker runs")
    return folder.joinpath(*parts)
