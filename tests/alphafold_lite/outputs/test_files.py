import os
import resource

import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.files import fresh_output_folder, write_atomic


def test_writes_text_and_bytes_into_new_folders(tmp_path):
    write_atomic(tmp_path / "a" / "b" / "text.txt", "Å\n")
    write_atomic(tmp_path / "data.bin", b"\0\r\n")
    assert (tmp_path / "a" / "b" / "text.txt").read_bytes() == "Å\n".encode()
    assert (tmp_path / "data.bin").read_bytes() == b"\0\r\n"


def test_replaces_whole_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "x.json"
    write_atomic(path, "long " * 100)
    write_atomic(path, "short")
    assert path.read_text() == "short"
    assert os.listdir(tmp_path) == ["x.json"]


def test_respects_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        write_atomic(tmp_path / "x", "")
    finally:
        os.umask(old)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


def test_a_file_in_the_folders_place(tmp_path):
    (tmp_path / "out").write_text("")
    for write in (
        lambda: write_atomic(tmp_path / "out" / "x.pdb", "text"),
        lambda: fresh_output_folder(tmp_path / "out", "f"),
        lambda: fresh_output_folder(tmp_path / "out" / "target", "f"),
    ):
        with pytest.raises(InputError, match=r"output folder that can be written \(.*out.*--out-dir") as failure:
            write()
        assert failure.value.exit_code == 2


def test_a_full_disk_keeps_the_old_file(tmp_path):
    path = tmp_path / "x.pdb"
    write_atomic(path, "old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(InputError, match="too large"):
            write_atomic(path, "new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x.pdb"]


def _results(folder, fingerprint):
    folder.mkdir(exist_ok=True)
    write_atomic(folder / "ranked_0.pdb", "MODEL")
    write_atomic(folder / "msas" / "file.a3m", ">q")
    write_atomic(folder / "run.json", f'{{"fingerprint": "{fingerprint}"}}')
    (folder / "notes.txt").write_text("the user's own")


def test_a_new_and_a_foreign_folder_are_accepted(tmp_path):
    assert fresh_output_folder(tmp_path / "new" / "target", "f").is_dir()
    (tmp_path / "notes.txt").write_text("")
    assert fresh_output_folder(tmp_path, "f") == tmp_path


def test_results_of_the_same_run_are_accepted_and_kept(tmp_path):
    _results(tmp_path, "f")
    fresh_output_folder(tmp_path, "f")
    assert (tmp_path / "ranked_0.pdb").is_file()


@pytest.mark.parametrize("record", ['{"fingerprint": "other"}', "not json", "[]", None])
def test_results_of_another_run_stay_unless_overwritten(tmp_path, record):
    _results(tmp_path, "other")
    if record is None:
        (tmp_path / "run.json").unlink()
    else:
        (tmp_path / "run.json").write_text(record)
    with pytest.raises(InputError, match="--overwrite"):
        fresh_output_folder(tmp_path, "f")
    assert (tmp_path / "ranked_0.pdb").is_file()
    fresh_output_folder(tmp_path, "f", overwrite=True)
    left = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["notes.txt"]
