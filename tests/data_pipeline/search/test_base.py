import json

import pytest

from alphafold_lite.common.errors import InputError
from data_pipeline.search.base import Query, SearchRecord


@pytest.mark.parametrize("sequence", ["", "acd", "ACDB", "AC-D", "AC D", "ACU"])
def test_a_query_of_other_letters_is_refused(sequence: str) -> None:
    with pytest.raises(InputError, match="20 residue letters and X"):
        Query(name="q", sequence=sequence)


def test_all_letters_and_x_are_taken() -> None:
    assert Query(name="q", sequence="ARNDCQEGHILKMFPSTWYVX").sequence.endswith("X")


def test_a_record_becomes_json() -> None:
    record = SearchRecord(
        engine="e",
        version="1",
        database="d",
        database_version="v",
        seconds=1.23456,
        command=("e", "-x"),
        num_hits=3,
        options={"n": 3},
    )
    assert json.loads(json.dumps(record.to_json_dict())) == {
        "engine": "e", "version": "1", "database": "d", "database_version": "v", "seconds": 1.235,
        "command": ["e", "-x"], "num_hits": 3, "options": {"n": 3}, "from_cache": False,
    }  # fmt: skip
