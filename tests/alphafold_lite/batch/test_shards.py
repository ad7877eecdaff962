"""A FASTA file divided among shards: the same everywhere, identical sequences together, the work even."""

import random
import tracemalloc

import pytest

from alphafold_lite.batch.shards import Division, Shard, distinct_namer, entries_of_shard
from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.fasta import FastaRecord, parse_fasta


def sequences(number, seed=0):
    draw = random.Random(seed)
    return ["".join(draw.choices("ACDEFGHIKLMNPQRSTVWY", k=draw.randint(20, 400))) for _ in range(number)]


def written(path, chains, names=None):
    names = names or [f"t{number}" for number in range(len(chains))]
    path.write_text("".join(f">{name}\n{chain}\n" for name, chain in zip(names, chains, strict=True)))
    return str(path)


def of_shards(fasta, number):
    division = Division(fasta, number, force=False)
    shards = [Shard(index=index, number=number) for index in range(1, number + 1)]
    return [[e for e in entries_of_shard(division, shard, fasta, force=False) if e is not None] for shard in shards]


def test_every_record_is_in_one_shard_under_its_own_name(tmp_path):
    text = ">a b\nMQIFV\n>A\nKTITL\n>bad\nM1\n>a\nmqifv\n>c:d\nMQ:KT\n>e\nMQKT\n>bad\n2\n"
    (tmp_path / "x.fa").write_text(text)
    parts = of_shards(str(tmp_path / "x.fa"), 3)
    whole = parse_fasta(text, source=str(tmp_path / "x.fa"))
    found = sorted((entry for part in parts for entry in part), key=lambda entry: entry.index)
    assert [entry.name for entry in found] == ["a", "A_2", "bad", "a_3", "c_d", "e", "bad_2"]
    assert [entry for entry in found if isinstance(entry, FastaRecord)] == list(whole.records)
    (together,) = [part for part in parts if any(entry.name == "a" for entry in part)]
    assert any(entry.name == "a_3" for entry in together)  # the same sequence


@pytest.mark.parametrize("number", [1, 3, 16])
def test_order_and_names_do_not_matter_and_the_work_is_even(tmp_path, number):
    chains = sequences(300)
    division = Division(written(tmp_path / "a.fa", chains), number, force=False)
    mixed = random.Random(1).sample(chains + chains[:40], 340)
    other_fasta = written(tmp_path / "b.fa", mixed, [f"other{place}" for place in range(340)])
    other = Division(other_fasta, number, force=False)
    assert division.fingerprint == other.fingerprint and division.num_records == 300 and other.num_records == 340
    where = {
        record.sequence: division.shard_of(record) for record in parse_fasta((tmp_path / "a.fa").read_text()).records
    }
    for record in parse_fasta((tmp_path / "b.fa").read_text()).records:
        assert other.shard_of(record) == where[record.sequence]
    assert max(division.work) < 1.02 * sum(division.work) / number
    assert set(where.values()) == set(range(1, number + 1))


def test_more_shards_than_sequences_leaves_some_empty(tmp_path):
    parts = of_shards(written(tmp_path / "x.fa", ["MQIFV", "KTITL"]), 5)
    assert sorted(map(len, parts)) == [0, 0, 0, 1, 1]


def test_sequences_are_not_held(tmp_path):
    chains = [
        "ACDEFGHIKLMNPQRSTVWY" * 60 + "ACDEFGHIKLMNPQRSTVWY"[number % 20 :] * (number % 9) for number in range(3_000)
    ]
    fasta = written(tmp_path / "x.fa", chains)
    tracemalloc.start()
    division = Division(fasta, 4, force=False)
    number = sum(
        entry is not None for entry in entries_of_shard(division, Shard(index=1, number=4), fasta, force=False)
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert number > 500 and peak < 1_500_000  # 3.8 MB of sequences


def test_a_file_that_changes_meanwhile_and_standard_input(tmp_path):
    division = Division(written(tmp_path / "x.fa", ["MQIFV"]), 2, force=False)
    with pytest.raises(InputError, match="another sequence for t1"):
        list(
            entries_of_shard(
                division, Shard(index=1, number=2), written(tmp_path / "x.fa", ["MQIFV", "KT"]), force=False
            )
        )
    with pytest.raises(InputError, match="standard input"):
        Division("-", 2, force=False)


@pytest.mark.parametrize("text", ["", "1", "0/4", "5/4", "1/0", "-1/4", "1/2/3", "a/b", "1/99999", "1 / 4"])
def test_shards_that_there_are_not(text):
    with pytest.raises(InputError, match="--shard I/N"):
        Shard.parse(text)


def test_folders_lead_back_to_their_shards():
    shard = Shard.parse("3/12")
    assert Shard.of_folder(shard.folder_name) == shard and str(shard) == "3/12"
    assert [Shard.of_folder(name) for name in ("scratch", "shard-0-of-3", "shard-4-of-3", "shard-1-of-2x")] == [
        None
    ] * 4


def test_names_given_one_after_another_are_distinct():
    namer = distinct_namer()
    assert [namer(header) for header in ("a x", "A", "a", "b")] == ["a", "A_2", "a_3", "b"]
