"""Which GPU or how many threads a folding worker gets."""

import pytest
import torch

from alphafold_lite.batch import placement
from alphafold_lite.batch.placement import Place, Slot, local_slots, place_of, visible_gpus

GPUS = ("0", "1", "2")


@pytest.mark.parametrize(
    ("number", "device", "gpus", "slots"),
    [
        (None, "auto", GPUS, [("0", None), ("1", None), ("2", None)]),
        (None, "cuda", ("5",), [("5", None)]),
        (2, "auto", GPUS, [("0", None), ("1", None)]),
        (4, "cuda", GPUS[:2], [("0", None), ("1", None), ("0", None), ("1", None)]),
        (None, "cpu", GPUS, [(None, None)]),  # GPUs that are not to be used
        (None, "auto", (), [(None, None)]),
        (1, "auto", (), [(None, None)]),
        (3, "auto", (), [(None, 2)] * 3),
        (16, "cpu", (), [(None, 1)] * 16),
        (None, "mps", (), [(None, None)]),
    ],
)
def test_a_worker_for_each_gpu_or_a_share_of_the_threads(number, device, gpus, slots):
    found = local_slots(number, device, gpus, threads=8)
    assert list(found) == [Slot(gpu=gpu, threads=threads) for gpu, threads in slots]


@pytest.mark.parametrize(
    ("variable", "count", "gpus"),
    [
        (None, 2, ("0", "1")),
        ("3, GPU-ab", 2, ("3", "GPU-ab")),
        ("3,-1,2", 1, ("3",)),  # what follows -1 is not seen
        ("", 0, ()),
        (None, 0, ()),
    ],
)
def test_visible_gpus_keep_the_names_that_the_user_gave(monkeypatch, variable, count, gpus):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if variable is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert visible_gpus() == gpus


def test_places_tell_gpus_and_machines_apart(monkeypatch):
    monkeypatch.setattr(placement, "free_bytes", lambda device: 7.0 if device.type == "cuda" else None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert place_of("cuda", "") == Place(name="cuda 1", free=7.0)
    assert place_of("cuda", "10.0.0.2") == Place(name="10.0.0.2 cuda 1", free=7.0)
    assert place_of("cpu", "10.0.0.2") == Place(name="10.0.0.2 cpu", free=None)
