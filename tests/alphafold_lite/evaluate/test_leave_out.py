from pathlib import Path

import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.evaluate.leave_out import choose
from data_pipeline.library.library import Library
from tests.support.small_library import NAMES, write_small_library


@pytest.fixture(scope="module")
def embedded():
    return Library.embedded()


class Named:
    def __init__(self, name):
        self.id = name


def test_chains_of_the_validation_part_leave_all_of_it_out(embedded):
    some = sorted(embedded.validation_names)[:2]
    rule = choose(None, frozenset(some), embedded)
    assert rule.kind == "validation" and rule.excluded(Named(some[0])) == embedded.validation_names
    assert len(embedded.validation_names) == 644


def test_other_chains_leave_themselves_out(embedded):
    rule = choose(None, frozenset({"5NVG_A"}), embedded)
    assert rule.kind == "self" and rule.max_identity == 0.95 and rule.excluded(Named("5NVG_A")) == {"5NVG_A"}


def test_names_and_identities(embedded, tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("1AAA_A\n2BBB_B first word only\n")
    assert choose(str(path), frozenset(), embedded).names == {"1AAA_A", "2BBB_B"}
    assert choose("0.3", frozenset(), embedded).max_identity == 0.3


@pytest.mark.parametrize("text", ["valid", "1.5", "0", "nan"])
def test_what_is_no_rule(embedded, text):
    with pytest.raises(InputError, match="--leave-out"):
        choose(text, frozenset(), embedded)


def test_a_library_without_a_validation_part(tmp_path: Path):
    library = Library.open(write_small_library(tmp_path / "library"))
    assert choose(None, frozenset(NAMES), library).kind == "self"
    with pytest.raises(InputError, match="validation part"):
        choose("validation", frozenset(), library)
