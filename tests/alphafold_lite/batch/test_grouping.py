"""Which targets go together."""

import pytest

from alphafold_lite.batch.grouping import MAX_PAIRS, MAX_TARGETS, MAX_WASTE, Grouping, Size, automatic_residues
from alphafold_lite.batch.settings import MAX_GROUP_RESIDUES, BatchSettings
from alphafold_lite.common.errors import InputError

ALL = Grouping(max_residues=MAX_GROUP_RESIDUES, max_rows=20)


def sizes(*lengths, rows=1):
    return [Size(residues=length, rows=rows) for length in lengths]


def test_neighbours_in_length_go_together_and_others_wait():
    first, *waiting = sizes(40, 39, 20, 38, 37)
    assert ALL.companions(first, waiting) == (0, 2, 3)
    assert ALL.companions(waiting[1], [first, *waiting]) == (2,)  # 20 with 20; a longer one would be mostly padding


@pytest.mark.parametrize("lengths", [(40, 37, 36, 36), (100, 92, 91, 90, 80, 60), (30, 29, 25, 25, 24)])
def test_little_is_added(lengths):
    first, *waiting = sizes(*lengths)
    group = [first, *(waiting[place] for place in ALL.companions(first, waiting))]
    work = len(group) * (max(size.residues for size in group) ** 2 + max(size.residues for size in group))
    assert len(group) > 1 and 1 - sum(size.residues**2 + size.residues for size in group) / work <= MAX_WASTE


def test_deep_alignments_do_not_go_with_shallow_ones_unless_neither_reaches_the_network():
    shallow, deep, deeper = (Size(residues=40, rows=rows) for rows in (1, 20, 90_000))
    assert ALL.companions(deep, [shallow, deeper]) == (1,)
    assert Grouping(max_residues=40, max_rows=2).companions(deep, [deeper, shallow]) == (0, 1)


def test_templates_keep_to_themselves():
    first, other = Size(residues=40), Size(residues=40, templates=True)
    assert ALL.companions(first, [other, first]) == (1,) and ALL.companions(other, [other, first]) == (0,)


def test_limits():
    assert Grouping(max_residues=30, max_rows=1).companions(Size(residues=31), sizes(30, 30)) == ()
    assert Grouping(max_residues=30, max_rows=1).companions(Size(residues=30), sizes(31, 30)) == (1,)
    assert len(ALL.companions(Size(residues=20), sizes(*[20] * 50))) == MAX_TARGETS - 1
    assert ALL.companions(Size(residues=20), sizes(*[20] * 50), limit=2) == (0,)
    assert ALL.companions(Size(residues=20), sizes(20), limit=1) == ()
    long = ALL.companions(Size(residues=180), sizes(*[180] * 9))
    assert 180**2 * (1 + len(long)) <= MAX_PAIRS < 180**2 * (2 + len(long))
    assert len(ALL.companions(Size(residues=MAX_GROUP_RESIDUES), sizes(MAX_GROUP_RESIDUES))) == 1


def test_only_networks_that_gain_by_it_do_it_unasked():
    assert automatic_residues(64, attends=False) > 30
    assert automatic_residues(128, attends=False) == automatic_residues(64, attends=True) == 0


def test_settings(tmp_path):
    def settings(**keywords):
        return BatchSettings(fasta="-", out_dir=tmp_path, **keywords)

    assert settings().group_residues is None and settings(group_residues=0).group_residues == 0
    for wrong in (-1, MAX_GROUP_RESIDUES + 1):
        with pytest.raises(InputError, match="--group-residues"):
            settings(group_residues=wrong)
    with pytest.raises(InputError, match="--engine local"):
        settings(group_residues=20, engine="ray")
