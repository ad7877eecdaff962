"""External programs: found, started, limited in time, cleaned up after. The only place of the package that starts a process."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from alphafold_lite.common.errors import MissingResourceError, TargetError

DAY = 86400.0  # s; the default limit: a search of AlphaFold's full databases takes hours on few cores
_GRACE = 2.0  # s between asking a group to end and ending it
_VERSION_LIMIT = 60.0  # s
_TAIL_BYTES = 2000  # of standard error, in messages
_TAIL_LINES = 4
_SHELL_SIGNALS = 128
_MAX_STDOUT = 2**20  # bytes kept; results go to files


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """An executable, how to ask it for its version, and where users get it."""

    name: str
    debian: str  # package names
    conda: str
    version_argv: tuple[str, ...] = ("-h",)
    version_pattern: str = r"(\d+(?:\.\d+)+)"
    folders: tuple[str, ...] = ()  # looked at after PATH

    def find(self) -> Path:
        """The executable's absolute path.

        Raises:
            MissingResourceError: it is in no folder of PATH; the message says how to get it.
        """
        search_path = os.pathsep.join((os.environ.get("PATH") or os.defpath, *self.folders))
        found = shutil.which(self.name, path=search_path)
        if found is None:
            raise MissingResourceError(f"the program {self.name} on PATH", "none", self._how_to_get_it())
        return Path(found).absolute()

    def version(self) -> str:
        """The version that the program itself reports.

        Raises:
            MissingResourceError: the program is not there, cannot be started, or is another program of that name.
        """
        path = self.find()
        return _read_version(self, path, path.stat().st_mtime_ns)

    def _how_to_get_it(self) -> str:
        return (
            f"install it (Debian and Ubuntu: apt install {self.debian}; conda: conda install -c conda-forge "
            f"-c bioconda {self.conda}) or use another --msa-mode"
        )

    def not_usable(self, path: Path, reason: str) -> MissingResourceError:
        """The error for a file of the right name that does not do its work."""
        return MissingResourceError(f"a working {self.name} at {path}", reason, self._how_to_get_it())


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A program that ended with status 0."""

    argv: tuple[str, ...]
    seconds: float
    stdout: str  # the first 1 MiB


def cpu_count() -> int:
    """How many CPUs this process may use: its affinity mask where the system has one, else all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def private_folder() -> Generator[Path, None, None]:
    """A new folder that only this user can read, removed at the end whatever happens.

    Raises:
        MissingResourceError: no such folder can be made.
    """
    try:
        made = tempfile.TemporaryDirectory(prefix="alphafold_lite_", ignore_cleanup_errors=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise MissingResourceError("a temporary folder that can be written", reason, "set TMPDIR to one") from error
    with made as name:
        yield Path(name)


def run_program(program: Program, arguments: Sequence[str | Path], *, time_limit: float = DAY) -> Finished:
    """Run a program to its end, in a process group of its own that is ended as a whole on time-out, interrupt or error.

    Args:
        program: what to run; it is looked up on PATH.
        arguments: passed as they are, never through a shell.
        time_limit: s.

    Raises:
        MissingResourceError: the program is not there or cannot be started.
        TargetError: it ran too long, ended by a signal or with an error; the message has the tail of its standard error.
    """
    path = program.find()
    argv = (str(path), *map(str, arguments))
    with private_folder() as folder, (folder / "stdout").open("w+b") as out, (folder / "stderr").open("w+b") as err:
        start = time.monotonic()
        try:
            # stdin is empty: nothing may wait for a key
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=_environment(), start_new_session=True
            )
        except OSError as error:
            raise program.not_usable(path, error.strerror or str(error)) from error
        try:
            status = process.wait(timeout=time_limit)
        except subprocess.TimeoutExpired as error:
            _end_group(process)
            raise _failed(program, f"it still running after {time_limit:g} s{_tail(err)}", "raise the limit") from error
        except BaseException:
            _end_group(process)
            raise
        seconds = time.monotonic() - start
        if status != 0:
            _end_group(process)
            raise _failed(program, f"{_ending(status)}{_tail(err)}", "see its message; this target is left out")
        out.seek(0)
        return Finished(argv=argv, seconds=seconds, stdout=out.read(_MAX_STDOUT).decode("utf-8", "replace"))


@lru_cache(maxsize=64)
def _read_version(program: Program, path: Path, mtime_ns: int) -> str:
    """Ask once per file; a replaced file has another time stamp."""
    del mtime_ns  # part of the key only
    try:
        done = subprocess.run(
            (str(path), *program.version_argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_VERSION_LIMIT,
            check=False,
            env=_environment(),
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise program.not_usable(path, f"no version within {_VERSION_LIMIT:g} s") from error
    except OSError as error:
        raise program.not_usable(path, error.strerror or str(error)) from error
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    match = re.search(program.version_pattern, said)
    if match is None:
        raise program.not_usable(path, f"an answer without a version ({_ending(done.returncode)})")
    return match[1]


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}  # numbers with a point, messages in English


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """Ask the whole group to end, wait a little, then end it; the leader is collected."""
    _signal_group(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=_GRACE)
    except subprocess.TimeoutExpired:
        pass  # it is ended below
    finally:
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # PermissionError: only zombies are left (macOS)
        return


def _ending(status: int) -> str:
    if status < 0:
        return f"an end by {_signal_name(-status)}"
    if status > _SHELL_SIGNALS:  # a shell script that starts the program reports its signal so
        return f"exit status {status} ({_signal_name(status - _SHELL_SIGNALS)} in a program that it started)"
    return f"exit status {status}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _tail(stream: BinaryIO) -> str:
    """The last lines of standard error as one, or nothing."""
    stream.seek(0, os.SEEK_END)
    stream.seek(max(stream.tell() - _TAIL_BYTES, 0))
    text = stream.read(_TAIL_BYTES).decode("utf-8", "replace")
    lines = [" ".join("".join(c if c.isprintable() else " " for c in line).split()) for line in text.splitlines()]
    shown = " | ".join([line for line in lines if line][-_TAIL_LINES:])
    return f" ({shown})" if shown else ""


def _failed(program: Program, found: str, action: str) -> TargetError:
    return TargetError(f"{program.name} to end with a result", found, action)
