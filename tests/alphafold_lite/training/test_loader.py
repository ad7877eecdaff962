from dataclasses import replace

import pytest
import torch

from alphafold_lite.training.config import Stage
from alphafold_lite.training.loader import MicroBatches, load, places_of_step
from tests.support.training_runs import open_sets, small_config


@pytest.fixture
def sets(tmp_path):
    return open_sets(tmp_path)


def tensors(batch):
    found = []
    batch.map(lambda t: found.append(t) or t)
    return found


def test_workers_change_neither_order_nor_content(sets):
    config = replace(small_config(), stages=(Stage(first_step=3, settings=("data.crop_size=12",)),))
    dataset = MicroBatches(config, sets)
    places = [place for step in range(5) for place in places_of_step(config, step)]
    here = list(load(dataset, places, workers=0, device=torch.device("cpu")))
    there = list(load(dataset, places, workers=2, device=torch.device("cpu")))
    assert [batch.names for batch in here] == [batch.names for batch in there]
    assert len(here) == 10 and here[-1].clamped.shape == (1,) and here[-1].passes[0].aatype.shape == (1, 12)
    for a, b in zip(here, there, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(tensors(a), tensors(b), strict=True))


def test_samples_do_not_depend_on_batching_or_processes(sets):
    one_by_one, together = small_config("step.batch_size=4"), small_config("step.batch_size=4", "step.micro_batch=2")
    first = [MicroBatches(one_by_one, sets)[p].names for p in places_of_step(one_by_one, 2)]
    second = [MicroBatches(together, sets)[p].names for p in places_of_step(together, 2)]
    assert [name.split("[")[0] for names in first for name in names] == [
        name.split("[")[0] for names in second for name in names
    ]
    shared = [places_of_step(one_by_one, 2, rank=rank, world=2) for rank in (0, 1)]
    assert sorted((p for places in shared for p in places), key=lambda p: p.number) == list(
        places_of_step(one_by_one, 2)
    )


def test_steps_read_on_where_the_last_one_ended():
    config = small_config("step.batch_size=4", "step.micro_batch=2")
    firsts = [p.first_sample for step in range(3) for p in places_of_step(config, step)]
    assert firsts == [0, 2, 4, 6, 8, 10]
