import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from alphafold_lite.common.errors import TargetError
from data_pipeline.cache import SearchCache, default_folder, search_key
from data_pipeline.cache_entry import DamagedEntryError, decode, encode
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.search.base import Query, SearchRecord, SearchResult

QUERY = Query(name="one", sequence="MKTAY")


class CountingEngine:
    """An engine that answers at once, and counts."""

    name, version, database, database_version = "counting", "1", "nothing", "v1"

    def __init__(self, options: dict[str, object] | None = None, log: Path | None = None, seconds: float = 0.0) -> None:
        self.options = options if options is not None else {"depth": 3}
        self.log, self.seconds, self.calls, self.fails = log, seconds, 0, False

    def run(self, query: Query) -> SearchResult:
        self.calls += 1
        if self.log is not None:
            with self.log.open("a") as stream:
                stream.write("x")
        time.sleep(self.seconds)
        if self.fails:
            raise TargetError("a result", "none", "try again")
        deletions = np.zeros((2, len(query.sequence)), np.int32)
        deletions[1, 2] = 70_000
        alignment = Alignment(
            sequences=(query.sequence, "-" * len(query.sequence)),
            deletion_matrix=deletions,
            descriptions=("query", "hit/1-5 ü"),
        )
        record = SearchRecord(
            engine=self.name, version=self.version, database=self.database, database_version=self.database_version,
            seconds=0.5, command=("counting", "--depth"), num_hits=1, options=self.options,
        )  # fmt: skip
        return SearchResult(alignment=alignment, record=record)


@pytest.fixture
def cache(tmp_path: Path) -> SearchCache:
    return SearchCache(tmp_path / "made" / "searches")


def _entry(cache: SearchCache) -> Path:
    (path,) = cache.folder.glob("*/*.search")
    return path


def test_the_second_time_nothing_is_searched(cache) -> None:
    engine = CountingEngine()
    first, second = cache.get_or_run(engine, QUERY), cache.get_or_run(engine, QUERY)
    assert engine.calls == 1
    assert second.alignment.sequences == first.alignment.sequences
    assert second.alignment.descriptions == first.alignment.descriptions == ("one", "hit/1-5 ü")
    np.testing.assert_array_equal(second.alignment.deletion_matrix, first.alignment.deletion_matrix)
    assert (first.record.from_cache, second.record.from_cache) == (False, True)
    assert replace(second.record, from_cache=False) == first.record
    assert [path.name for path in cache.folder.glob("*/*")] == [_entry(cache).name]  # no lock, no unfinished file


def test_another_name_is_the_same_search(cache) -> None:
    engine = CountingEngine()
    cache.get_or_run(engine, QUERY)
    again = cache.get_or_run(engine, Query(name="two", sequence=QUERY.sequence))
    assert engine.calls == 1
    assert again.alignment.descriptions[0] == "two"


@pytest.mark.parametrize(
    "change",
    [{"version": "2"}, {"database_version": "v2"}, {"name": "other"}, {"options": {"depth": 4}}, {"options": {}}],
)
def test_what_decides_the_result_is_in_the_key(cache, change: dict) -> None:
    engine, changed = CountingEngine(), CountingEngine()
    for name, value in change.items():
        setattr(changed, name, value)
    assert search_key(engine, QUERY) != search_key(changed, QUERY)
    cache.get_or_run(engine, QUERY)
    cache.get_or_run(changed, QUERY)
    assert changed.calls == 1


def test_the_sequence_is_in_the_key_and_the_order_of_options_is_not() -> None:
    engine = CountingEngine({"a": 1, "b": 2})
    assert search_key(engine, QUERY) == search_key(CountingEngine({"b": 2, "a": 1}), QUERY)
    assert search_key(engine, QUERY) != search_key(engine, Query(name="one", sequence="MKTAX"))


def test_equal_searches_give_equal_bytes() -> None:
    result = CountingEngine().run(QUERY)
    assert encode("k", result) == encode("k", CountingEngine().run(QUERY))


def _damages(content: bytes) -> dict[str, bytes]:
    middle = len(content) // 2
    flipped = bytearray(content)
    flipped[middle] ^= 1
    return {
        "empty": b"", "half": content[:middle], "one byte short": content[:-1], "one byte more": content + b"\n",
        "flipped bit": bytes(flipped), "text": b"hello\n", "other version": content.replace(b"search 1", b"search 9", 1),
        "digest alone": content[:89],
    }  # fmt: skip


@pytest.mark.parametrize("kind", list(_damages(b"x" * 100)))
def test_a_damaged_entry_is_noticed_and_made_again(cache, caplog, kind: str) -> None:
    engine = CountingEngine()
    cache.get_or_run(engine, QUERY)
    path = _entry(cache)
    content = path.read_bytes()
    path.write_bytes(_damages(content)[kind])
    (damage,) = cache.verify()
    assert damage.path == path
    assert damage.reason
    result = cache.get_or_run(engine, QUERY)
    assert (engine.calls, result.record.from_cache) == (2, False)
    assert "is damaged and made again" in caplog.text
    assert path.read_bytes() == content
    assert cache.verify() == ()


def test_an_entry_under_another_name_is_not_believed(cache) -> None:
    engine, other = CountingEngine(), Query(name="o", sequence="MKTAW")
    cache.get_or_run(engine, QUERY)
    key = search_key(engine, other)
    path = cache.folder / key[:2] / f"{key}.search"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(_entry(cache).read_bytes())
    assert cache.get_or_run(engine, other).alignment.sequences[0] == "MKTAW"
    assert engine.calls == 2


@pytest.mark.parametrize(
    "arrays",
    [{"letters": np.zeros((2, 3), np.uint8)}, {"text": np.frombuffer(b"{}", np.uint8)}, {"letters": np.array([{}])}],
)
def test_a_fitting_digest_over_foreign_content_is_not_believed(tmp_path: Path, arrays: dict) -> None:
    import hashlib

    np.savez(tmp_path / "a.npz", **arrays)
    body = (tmp_path / "a.npz").read_bytes()
    content = encode("k", CountingEngine().run(QUERY))
    head = content[: content.index(b"\n") + 1]
    with pytest.raises(DamagedEntryError):
        decode("k", head + hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def test_a_failed_search_is_not_stored(cache) -> None:
    engine = CountingEngine()
    engine.fails = True
    for _ in range(2):
        with pytest.raises(TargetError):
            cache.get_or_run(engine, QUERY)
    assert engine.calls == 2
    assert cache.info().num_entries == 0
    assert list(cache.folder.glob("*/*")) == []


def test_threads_wait_for_one_search(cache) -> None:
    engine = CountingEngine(seconds=0.2)
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda _: cache.get_or_run(engine, QUERY), range(6)))
    assert engine.calls == 1
    assert sum(not result.record.from_cache for result in results) == 1


def _search(folder: Path, log: Path) -> None:
    SearchCache(folder).get_or_run(CountingEngine(log=log, seconds=0.3), QUERY)


def test_processes_wait_for_one_search(tmp_path: Path) -> None:
    log = tmp_path / "log"
    context = get_context("fork")
    processes = [context.Process(target=_search, args=(tmp_path / "searches", log)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(20)
        assert process.exitcode == 0
    assert log.read_text() == "x"


def test_readers_never_see_half_an_entry(cache) -> None:
    engine, stop, faults = CountingEngine(), threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            faults.extend(cache.verify())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(40):
        cache.get_or_run(engine, Query(name="q", sequence="MKTAY" + "ACDE"[number % 4] * (number + 1)))
    stop.set()
    reader.join()
    assert faults == []
    assert cache.info().num_entries == 40


def test_a_folder_that_cannot_be_written_costs_a_warning_only(tmp_path: Path, caplog) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    engine = CountingEngine()
    assert SearchCache(blocker / "searches").get_or_run(engine, QUERY).alignment.descriptions[0] == "one"
    assert engine.calls == 1
    assert "searches are not kept" in caplog.text


def test_info_counts(cache) -> None:
    empty = cache.info()
    assert (empty.num_entries, empty.num_bytes, empty.oldest_use, empty.newest_use) == (0, 0, None, None)
    cache.get_or_run(CountingEngine(), QUERY)
    state = cache.info()
    assert (state.num_entries, state.num_bytes) == (1, _entry(cache).stat().st_size)
    assert state.oldest_use == state.newest_use == pytest.approx(time.time(), abs=60)


def _fill(cache: SearchCache) -> dict[str, Path]:
    """Three searches, last used 3, 2 and 1 days ago."""
    engine, paths = CountingEngine(), {}
    for days, sequence in ((3, "AAA"), (2, "CCC"), (1, "DDD")):
        query = Query(name="q", sequence=sequence)
        cache.get_or_run(engine, query)
        key = search_key(engine, query)
        paths[sequence] = cache.folder / key[:2] / f"{key}.search"
        used = time.time() - days * 86_400
        os.utime(paths[sequence], (used, used))
    return paths


def test_prune_removes_what_was_not_used_for_long(cache) -> None:
    paths = _fill(cache)
    removed = cache.prune(max_age=2.5 * 86_400)
    assert removed.num_entries == 1
    assert [path.exists() for path in paths.values()] == [False, True, True]


def test_prune_keeps_what_was_used_last(cache) -> None:
    paths = _fill(cache)
    cache.get_or_run(CountingEngine(), Query(name="q", sequence="AAA"))  # a use
    size = paths["AAA"].stat().st_size
    removed = cache.prune(max_bytes=2 * size + size // 2)
    assert removed.num_entries == 1
    assert [path.exists() for path in paths.values()] == [True, False, True]
    assert cache.prune(max_bytes=0).num_entries == 2
    assert cache.info().num_entries == 0


def test_prune_removes_damaged_entries_and_what_killed_runs_left(cache) -> None:
    paths = _fill(cache)
    paths["CCC"].write_bytes(b"broken")
    abandoned, fresh = (paths["AAA"].with_name(name) for name in ("a.search.7.tmp", "b.lock"))
    for path in (abandoned, fresh):
        path.write_bytes(b"")
    os.utime(abandoned, (0, 0))
    assert cache.prune(damaged=False).num_entries == 1
    assert (abandoned.exists(), fresh.exists(), paths["CCC"].exists()) == (False, True, True)
    assert cache.prune().num_entries == 1
    assert not paths["CCC"].exists()
    assert paths["AAA"].exists()


def test_the_default_folder_is_the_users_cache(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "alphafold_lite" / "searches"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    assert default_folder() == tmp_path / "user" / ".cache" / "alphafold_lite" / "searches"
    assert SearchCache().folder == default_folder()


def test_records_hold_only_what_json_can() -> None:
    result = CountingEngine({"nested": {"list": [1, "a", None]}}).run(QUERY)
    assert decode("k", encode("k", result)).record.options == {"nested": {"list": [1, "a", None]}}
    assert json.dumps(result.record.to_json_dict())
