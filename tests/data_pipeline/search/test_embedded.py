import gzip
from pathlib import Path

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError, MissingResourceError, TargetError
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.search.base import Engine, Query
from data_pipeline.search.embedded import HmmSearch, Jackhmmer, Phmmer, hmm_of_alignment
from data_pipeline.search.sequence_database import SequenceDatabase
from tests.support.planted_families import SequenceExample, mutated, planted_set, random_sequence

QUERY = Query(name="target 1", sequence=random_sequence(np.random.default_rng(41), 120))


@pytest.fixture(scope="module")
def planted() -> SequenceExample:
    return planted_set(np.random.default_rng(42), QUERY.sequence)


@pytest.fixture(scope="module")
def database(planted) -> SequenceDatabase:
    return SequenceDatabase(planted)


def _target(description: str) -> str:
    return description.rpartition("/")[0]


def _same(left: Alignment, right: Alignment) -> bool:
    return (
        left.sequences == right.sequences
        and left.descriptions == right.descriptions
        and left.deletion_matrix.tobytes() == right.deletion_matrix.tobytes()
    )


def _engines(database) -> list[Engine]:
    return [Phmmer(database), Jackhmmer(database), HmmSearch(database, seed=Jackhmmer(database))]


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_planted_relatives_are_found_and_nothing_else(database, kind: int) -> None:
    result = _engines(database)[kind].run(QUERY)
    alignment = result.alignment
    assert alignment.sequences[0] == QUERY.sequence
    assert alignment.descriptions[0] == QUERY.name
    found = {_target(description) for description in alignment.descriptions[1:]}
    assert found <= {f"rel_{number}" for number in range(12)}
    assert len(found) >= (8 if kind == 0 else 12)
    assert result.record.num_hits == len(alignment.sequences) - 1
    assert alignment.deletion_matrix.shape == (len(alignment.sequences), 120)
    assert set("".join(alignment.sequences)) <= set("ARNDCQEGHILKMFPSTWYVX-")


def test_rows_are_aligned_as_planted(planted, database) -> None:
    alignment = Jackhmmer(database).run(QUERY).alignment
    sequences = dict(zip(planted.names, planted.sequences, strict=True))
    for row, description in zip(alignment.sequences[1:], alignment.descriptions[1:], strict=True):
        planted_row = sequences[_target(description)][15:135]  # flanks of 15 and 10 residues
        equal = sum(a == b for a, b in zip(row, planted_row, strict=True))
        assert equal + row.count("-") >= 117
        first, last = map(int, description.rpartition("/")[2].split("-"))
        assert 1 <= first <= 40 and 100 <= last <= 145


def test_insertions_are_counted_and_deletions_are_gaps() -> None:
    rng = np.random.default_rng(7)
    relative = mutated(rng, QUERY.sequence, 0.2)
    changed = relative[:60] + "GSGSG" + relative[60:80] + relative[86:]
    alignment = Phmmer(SequenceExample(("one",), (changed,))).run(QUERY).alignment
    row, deletions = alignment.sequences[1], alignment.deletion_matrix[1]
    assert deletions.sum() == 5
    assert abs(int(deletions.argmax()) - 60) <= 3
    assert row.strip("-").count("-") == 6
    assert row.replace("-", "")[:40] in changed
    assert not alignment.deletion_matrix[0].any()


def test_domains_of_a_repeat_are_rows_of_their_own() -> None:
    rng = np.random.default_rng(8)
    copies = [mutated(rng, QUERY.sequence, 0.3) for _ in range(2)]
    target = random_sequence(rng, 30).join(copies)
    alignment = Phmmer(SequenceExample(("twice",), (target,))).run(QUERY).alignment
    assert [_target(description) for description in alignment.descriptions[1:]] == ["twice", "twice"]
    starts = sorted(int(name.rpartition("/")[2].split("-")[0]) for name in alignment.descriptions[1:])
    assert starts[0] < 20 and 140 < starts[1] < 170


def test_the_best_hit_comes_first(database) -> None:
    names = [_target(name) for name in Phmmer(database).run(QUERY).alignment.descriptions[1:]]
    assert names[0] in ("rel_0", "rel_1", "rel_2")
    assert names.index("rel_0") < names.index("rel_7")


def test_iterations_reach_further_than_one_round() -> None:
    rng = np.random.default_rng(9)
    near = [mutated(rng, QUERY.sequence, 0.5) for _ in range(25)]
    far = [mutated(rng, near[number % 25], 0.55) for number in range(12)]
    other = [random_sequence(rng, 150) for _ in range(100)]
    names = tuple(
        f"{kind}_{n}" for kind, rows in (("near", near), ("far", far), ("other", other)) for n in range(len(rows))
    )
    database = SequenceDatabase(SequenceExample(names, (*near, *far, *other)))
    counts = [Jackhmmer(database, iterations=rounds).run(QUERY).record.num_hits for rounds in (1, 2, 3)]
    assert counts[0] < counts[-1]
    assert counts[0] == Phmmer(database).run(QUERY).record.num_hits
    assert not any("other" in name for name in Jackhmmer(database).run(QUERY).alignment.descriptions)


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_rerun_and_threads_give_the_same_alignment(planted, database, kind: int) -> None:
    first = _engines(database)[kind].run(QUERY)
    again = _engines(SequenceDatabase(planted))[kind].run(QUERY)
    assert _same(first.alignment, again.alignment)
    engines = [
        Phmmer(database, threads=3), Jackhmmer(database, threads=3), HmmSearch(database, threads=3, seed=Jackhmmer(database, threads=2)),
    ]  # fmt: skip
    assert _same(engines[kind].run(QUERY).alignment, first.alignment)
    assert (
        engines[kind].options == first.record.options
    )  # threads do not change a result, so they are no part of the key


def test_excluded_names_are_never_hit(database) -> None:
    exclude = frozenset({"rel_0", "rel_3", "unknown"})
    whole, part = Phmmer(database).run(QUERY).alignment, Phmmer(database, exclude=exclude).run(QUERY).alignment
    assert not exclude & {_target(name) for name in part.descriptions}
    kept = [name for name in whole.descriptions if _target(name) not in exclude]
    assert list(part.descriptions) == kept  # the size that E-values refer to is that of the whole database
    assert Phmmer(database, exclude=exclude).options != Phmmer(database).options


def test_the_number_of_hits_is_capped_to_the_best(database) -> None:
    whole = Phmmer(database).run(QUERY).alignment
    capped = Phmmer(database, max_hits=4).run(QUERY)
    assert capped.record.num_hits == 4
    assert capped.alignment.descriptions == whole.descriptions[:5]
    assert Jackhmmer(database, max_hits=4).run(QUERY).record.num_hits == 4


@pytest.mark.parametrize("sequence", ["M", "X", "MK", "X" * 40, "A" * 30])
def test_queries_that_find_nothing_align_with_themselves(database, sequence: str) -> None:
    for engine in _engines(database):
        result = engine.run(Query(name="q", sequence=sequence))
        assert result.alignment.sequences == (sequence,)
        assert result.alignment.deletion_matrix.shape == (1, len(sequence))
        assert result.record.num_hits == 0


def test_unknown_residues_keep_their_columns(database) -> None:
    sequence = QUERY.sequence[:50] + "XXX" + QUERY.sequence[53:]
    alignment = Jackhmmer(database).run(Query(name="q", sequence=sequence)).alignment
    assert alignment.sequences[0] == sequence
    assert len(alignment.sequences) > 8


def test_queries_of_30_and_1000_residues(database) -> None:
    short = Query(name="s", sequence=QUERY.sequence[40:70])
    assert Jackhmmer(database, inclusion_e_value=1.0).run(short).record.num_hits >= 1
    rng = np.random.default_rng(3)
    long = Query(name="l", sequence=random_sequence(rng, 500) + QUERY.sequence + random_sequence(rng, 380))
    alignment = Phmmer(database).run(long).alignment
    assert len(alignment.sequences) > 8
    assert {len(row) for row in alignment.sequences} == {1000}
    assert all(not row[:450].strip("-") for row in alignment.sequences[1:])


def test_too_long_a_query_is_refused(database) -> None:
    with pytest.raises(TargetError, match="at most 100000 residues"):
        Phmmer(database).run(Query(name="q", sequence="A" * 100_001))


def test_random_queries_find_next_to_nothing(database) -> None:
    rng = np.random.default_rng(12)
    queries = [random_sequence(rng, 100) for _ in range(20)] + [QUERY.sequence[::-1]]
    counts = [Phmmer(database).run(Query(name="q", sequence=sequence)).record.num_hits for sequence in queries]
    assert sum(counts) == 0  # expected at E < 1e-3: 0.02


def test_a_record_says_what_was_done(planted, database) -> None:
    engine = Jackhmmer(database, iterations=2, max_hits=77)
    record = engine.run(QUERY).record
    assert (record.engine, record.database, record.database_version) == ("pyhmmer-jackhmmer", "planted", "planted-1")
    assert (record.options["iterations"], record.options["max_hits"]) == (2, 77)
    assert record.version.count(".") >= 1
    assert record.seconds > 0
    seeded = HmmSearch(database, seed=engine)
    assert seeded.options["seed"] == {
        "engine": "pyhmmer-jackhmmer", "version": record.version, "database_version": "planted-1", "options": engine.options,
    }  # fmt: skip


class _Given:
    """An engine with an alignment made elsewhere."""

    name, version, database, database_version, options = "given", "1", "none", "0", {}

    def __init__(self, engine: Engine) -> None:
        self.run = engine.run


def test_hmmsearch_takes_any_engine_as_its_seed(planted, database) -> None:
    seed = Jackhmmer(SequenceExample(planted.names[:6], planted.sequences[:6]))
    found = HmmSearch(database, seed=_Given(seed)).run(QUERY).alignment
    assert {_target(name) for name in found.descriptions[1:]} == {f"rel_{number}" for number in range(12)}
    assert hmm_of_alignment(found).M == len(QUERY.sequence)


@pytest.mark.parametrize("suffix", [".fasta", ".fasta.gz"])
def test_a_fasta_file_is_searched_like_a_collection(tmp_path: Path, planted, database, suffix: str) -> None:
    text = "".join(f">{name} some words\n{row}\n" for name, row in zip(planted.names, planted.sequences, strict=True))
    path = tmp_path / f"db{suffix}"
    path.write_bytes(gzip.compress(text.encode()) if suffix.endswith("gz") else text.encode())
    engine = Jackhmmer(path)
    result = engine.run(QUERY)
    assert _same(result.alignment, Jackhmmer(database).run(QUERY).alignment)
    assert (result.record.database, len(result.record.database_version)) == (path.name, 64)


def test_a_missing_file_is_a_missing_resource(tmp_path: Path) -> None:
    with pytest.raises(MissingResourceError, match="none there|FASTA file"):
        Phmmer(tmp_path / "absent.fasta").run(QUERY)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"not a fasta file\n", b">a\nMKT1A\n", b"\x00\x01\x02", b"\x1f\x8b\x08broken"],
    ids=range(6),
)
@pytest.mark.parametrize("suffix", [".fasta", ".fasta.gz"])
def test_a_foreign_file_is_an_input_error(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"db{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="db.fasta"):
        Phmmer(path).run(QUERY)


def test_a_truncated_gzip_file_is_an_input_error(tmp_path: Path, planted) -> None:
    text = "".join(f">{name}\n{row}\n" for name, row in zip(planted.names, planted.sequences, strict=True))
    path = tmp_path / "db.fasta.gz"
    path.write_bytes(gzip.compress(text.encode())[:-600])
    with pytest.raises(InputError, match=r"db\.fasta\.gz"):
        Phmmer(path).run(QUERY)


def test_sequences_too_long_for_hmmer_are_left_out_with_a_warning(caplog, planted) -> None:
    with_giant = SequenceExample((*planted.names, "giant"), (*planted.sequences, "A" * 100_001))
    assert Phmmer(with_giant).run(QUERY).record.num_hits > 5
    assert "1 sequences of planted are longer than 100000 residues" in caplog.text
