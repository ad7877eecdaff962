"""What is asked of Ray clusters of several kinds."""

import pytest

from alphafold_lite.batch.ray_requests import FOLD_MEMORY, FoldRequest, Node, fold_request
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.common.errors import InputError, MissingResourceError
from alphafold_lite.predict.settings import Settings

GIB = 2**30


def settings(tmp_path, device="auto", **keywords):
    prediction = Settings(device=device, relax="none")
    return BatchSettings(fasta="-", out_dir=tmp_path, prediction=prediction, engine="ray", **keywords)


def node(cpus=8, gpus=0, gib=64):
    return Node(cpus=cpus, gpus=gpus, memory=gib * GIB)


@pytest.mark.parametrize(
    ("nodes", "keywords", "expected"),
    [
        ([node(gpus=4), node(gpus=2), node()], {}, (6, 1, 1.0)),
        ([node(gpus=1)], {"fold_workers": 3}, (3, 1, 1 / 3)),
        ([node(gpus=4)], {"fold_workers": 2}, (2, 1, 1.0)),
        ([node(gpus=4), node()], {"device": "cpu"}, (2, 7, 0)),
        ([node(), node(4)], {}, (2, 3, 0)),
        ([node(), node()], {"fold_workers": 4}, (4, 3, 0)),
        ([node(1)], {}, (1, 1, 0)),
        ([node(0), node(2)], {}, (1, 1, 0)),  # a head without CPUs takes no work
        ([node(gib=1), node(16)], {}, (1, 15, 0)),  # nor does a machine without memory
    ],
)
def test_workers_for_the_gpus_or_the_machines_of_a_cluster(tmp_path, nodes, keywords, expected):
    request = fold_request(settings(tmp_path, **keywords), nodes)
    assert (request.number, request.cpus, request.gpus) == pytest.approx(expected)
    assert request.memory == FOLD_MEMORY


@pytest.mark.parametrize(
    ("nodes", "keywords", "message"),
    [
        ([node()], {"device": "cuda"}, "GPUs, found none"),
        ([node(0)], {}, "2 GiB of memory"),
        ([node(2), node(2)], {"fold_workers": 5}, "room for 5 folding workers.*found room for 4"),
        ([node(gpus=2, gib=3)], {}, "found room for 1"),
        ([], {}, "with a CPU"),
    ],
)
def test_a_cluster_without_room_is_one_clear_error(tmp_path, nodes, keywords, message):
    with pytest.raises(MissingResourceError, match=message):
        fold_request(settings(tmp_path, **keywords), nodes)


def test_names_that_ray_has_for_resources():
    found = Node.of({"CPU": 4.0, "GPU": 1.0, "memory": 5e9, "node:10.0.0.1": 1.0, "object_store_memory": 1e9})
    assert found == Node(cpus=4.0, gpus=1.0, memory=5e9) and Node.of({}) == Node(cpus=0, gpus=0, memory=0)


def test_room_counts_what_is_scarcest():
    request = FoldRequest(number=1, cpus=2, gpus=1 / 3)
    assert request.room(node(cpus=8, gpus=1)) == 3
    assert request.room(node(cpus=3, gpus=1)) == 1
    assert request.room(node(cpus=8, gpus=0)) == 0
    assert request.room(node(cpus=8, gpus=4, gib=5)) == 2


@pytest.mark.parametrize(
    "keywords",
    [
        {"address": "10.0.0.1"},
        {"address": "http://10.0.0.1:6379"},
        {"address": "ray://10.0.0.1:10001"},
        {"address": ""},
        {"address": "auto", "engine": "local"},
        {"engine": "slurm"},
        {"fold_workers": 0},
    ],
)
def test_addresses_and_engines_that_cannot_be_meant(tmp_path, keywords):
    with pytest.raises(InputError):
        BatchSettings(**({"fasta": "-", "out_dir": tmp_path, "engine": "ray"} | keywords))


@pytest.mark.parametrize("address", [None, "auto", "local", "10.0.0.1:6379", "head-1.cluster:6379", "[::1]:6379"])
def test_addresses(tmp_path, address):
    assert settings(tmp_path, address=address).address == address
