"""Several shards in one output folder: locks, folders and leftovers of their own."""

import pytest

from alphafold_lite.batch import files
from alphafold_lite.batch.files import (
    checksums,
    clear_state,
    hold_share,
    in_use,
    locked,
    scratch_file,
    shards_in,
    state_folder,
)
from alphafold_lite.batch.journal import Journal
from alphafold_lite.batch.shards import Shard
from alphafold_lite.common.errors import InputError

FIRST, SECOND = Shard(index=1, number=2), Shard(index=2, number=2)


@pytest.fixture
def out(tmp_path):
    for shard in (FIRST, SECOND, None):
        Journal(state_folder(tmp_path, shard)).close()
    return tmp_path


def test_shards_run_beside_each_other_and_not_beside_the_whole(out):
    with locked(out, FIRST), locked(out, SECOND):
        assert in_use(out, FIRST) and in_use(out, SECOND) and not in_use(out)
        for shard in (None, FIRST):
            with pytest.raises(InputError, match="no other batch"), locked(out, shard):
                pass
    with locked(out), pytest.raises(InputError, match="no other batch"), locked(out, FIRST):
        pass
    assert not in_use(out) and not in_use(out, FIRST)


def test_a_worker_of_a_shard_that_was_killed_keeps_the_whole_out(out, monkeypatch):
    monkeypatch.setattr(files, "WORKERS_PATIENCE", 0.1)
    share = hold_share(out, FIRST)
    with pytest.raises(InputError, match="no worker of an earlier run"), locked(out):
        pass
    with locked(out, SECOND):
        pass
    share.close()
    with locked(out):
        assert in_use(out)


def test_a_shard_clears_only_its_own_leftovers(out):
    left = [
        out / ".tmp-1-summary.csv",
        scratch_file(out, "x", SECOND).with_name(".tmp-1-x"),
        scratch_file(out, "x").with_name(".tmp-1-x"),
    ]
    own = [scratch_file(out, "x", FIRST).with_name(".tmp-1-x"), state_folder(out, FIRST) / ".tmp-1-summary.csv"]
    for path in (*left, *own):
        path.write_text("half")
    clear_state(out, FIRST)
    assert all(path.exists() for path in left) and not any(path.exists() for path in own)
    clear_state(out)
    assert [path.exists() for path in left] == [False, True, False]


def test_one_folder_is_divided_once(out):
    assert shards_in(out) == [FIRST, SECOND]
    with pytest.raises(InputError, match="shards of 2"):
        state_folder(out, Shard(index=1, number=3))
    assert shards_in(out) == [FIRST, SECOND]


def test_what_a_search_left_is_told_apart_from_what_was_folded(tmp_path):
    for name in ("run.json", "search.json", "features.npz"):
        (tmp_path / name).write_text(name)
    assert set(checksums(tmp_path, "features")) == {"search.json", "features.npz"}
    assert set(checksums(tmp_path, "fold")) == {"run.json"}
    files.clear_results(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"search.json", "features.npz"}
