"""A disk that is full and a folder that may not be written, as the system itself has them: mounted where that is allowed."""

import os
import shutil
import subprocess
from contextlib import contextmanager

import pytest

from alphafold_lite.batch.run import run_batch
from alphafold_lite.batch.status import status
from alphafold_lite.common.errors import EXIT_INPUT, InputError
from tests.support.batches import Batches, Recorder

TEXT = "".join(f">t{number}\n{'MQIFVKTLTG' * (1 + number % 3)}{'K' * number}\n" for number in range(8))
SIZE = "size=16m"


@contextmanager
def mounted(folder):
    """A file system in memory; the test is skipped where none may be mounted."""
    folder.mkdir()
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root mounts file systems")
    words = ["mount", "-t", "tmpfs", "-o", SIZE, "tmpfs", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


class Filling(Recorder):
    """Others fill the disk when the second target has ended."""

    def __init__(self, filler):
        super().__init__()
        self.filler = filler

    def ended(self, end):
        super().ended(end)
        if len(self.ends) == 2:
            with pytest.raises(OSError, match="No space"), self.filler.open("wb", buffering=0) as stream:
                while True:
                    stream.write(bytes(4096))


def test_a_full_disk_ends_the_batch_until_there_is_room(tmp_path):
    with mounted(tmp_path / "disk") as disk:
        batches = Batches(tmp_path)
        batches.out = disk / "out"
        told = Filling(disk / "filler")
        with pytest.raises(InputError, match=r"(?i)no space left|disk is full") as caught:
            run_batch(batches.settings(TEXT), told)
        assert caught.value.exit_code == EXIT_INPUT and 2 <= len(told.ends) < 8
        done = {end.name for end in told.ends}
        before = {path: path.read_bytes() for name in done for path in (batches.out / name).glob("*.*")}
        with pytest.raises(InputError, match=r"(?i)no space left|disk is full"):
            batches.run(TEXT)  # and so it stays
        (disk / "filler").unlink()
        code, again = batches.run(TEXT)
        assert code == 0 and set(again.states.values()) == {"done"}
        assert len(set(again.states) | done) == 8 == batches.summary["counts"]["done"]
        assert before == {path: path.read_bytes() for path in before}
        assert not list(batches.out.rglob("*.tmp*")) and batches.rows("PRAGMA integrity_check") == [("ok",)]


def test_a_mount_that_may_only_be_read_is_one_error_and_changes_nothing(tmp_path):
    with mounted(tmp_path / "disk") as disk:
        batches = Batches(tmp_path)
        batches.out = disk / "out"
        text = TEXT.split(">t2")[0]
        assert batches.run(text)[0] == 0
        before = {path: path.read_bytes() for path in batches.out.rglob("*.*") if path.is_file()}
        remount(disk, "ro")
        with pytest.raises(InputError, match=r"(?i)read-only|readonly") as caught:
            batches.run(text + ">more\nMKTAYIAKQR\n")
        assert caught.value.exit_code == EXIT_INPUT
        assert status(batches.out).targets["done"] == 2  # it can still be asked
        assert before == {path: path.read_bytes() for path in batches.out.rglob("*.*") if path.is_file()}
        remount(disk, "rw")
        assert batches.run(text + ">more\nMKTAYIAKQR\n")[1].states == {"more": "done"}
