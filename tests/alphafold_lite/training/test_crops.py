from collections import Counter

import numpy as np
import pytest

from alphafold_lite.training.crops import middle_crop, random_crop
from tests.support.training_runs import open_sets


@pytest.fixture
def chain(tmp_path):
    return open_sets(tmp_path)[1][0]  # 24 residues, numbered 0, 2, 4, ...


def test_a_crop_is_contiguous_and_keeps_its_numbers(chain):
    crop = random_crop(chain, 10, clamped=True, rng=np.random.default_rng(3))
    start = crop.start
    assert len(crop.sequence) == len(crop.positions) == 10
    assert crop.residue_index.tolist() == [2 * (start + i) for i in range(10)]
    assert crop.sequence == chain.sequence[start : start + 10]
    assert (crop.positions == chain.atom37_positions[start : start + 10]).all()


def test_short_chains_are_taken_whole(chain):
    crop = random_crop(chain, 64, clamped=False, rng=np.random.default_rng(0))
    assert (crop.start, crop.stop) == (0, 24)


def test_starts_are_uniform_with_clamped_fape_and_early_without(chain):
    def starts(*, clamped):
        rng = np.random.default_rng(0)
        return Counter(random_crop(chain, 20, clamped=clamped, rng=rng).start for _ in range(2500))

    uniform, early = starts(clamped=True), starts(clamped=False)
    assert set(uniform) == set(early) == {0, 1, 2, 3, 4}
    assert all(abs(count - 500) < 90 for count in uniform.values())
    assert early[0] > 1.5 * early[2] > 2 * early[4]


def test_the_middle(chain):
    assert (middle_crop(chain, 10).start, middle_crop(chain, 10).stop) == (7, 17)
    assert middle_crop(chain, 30).stop == 24
