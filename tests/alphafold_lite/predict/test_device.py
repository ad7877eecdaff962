import resource

import pytest
import torch

from alphafold_lite.common.errors import InputError, MissingResourceError, TargetError
from alphafold_lite.predict import device
from alphafold_lite.predict.device import GIB, check_fits, is_out_of_memory, peak_bytes, place
from alphafold_lite.presets import model_config

CPU = torch.device("cpu")


def test_auto_is_float32_on_cpu_without_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = place("auto", "auto")
    assert (found.device, found.precision) == (CPU, "fp32")
    assert place("cpu", "bf16").precision == "bf16"


def test_auto_is_bfloat16_on_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    found = place("auto", "auto")
    assert (found.device.type, found.precision) == ("cuda", "bf16")


def test_devices_that_are_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(MissingResourceError, match="only cpu"):
        place("cuda", "auto")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(InputError, match="fp32 on mps"):
        place("mps", "bf16")


# Measured beyond the parameters, GiB, with 2 Evoformer blocks (the number of blocks does not matter), torch 2.13.
@pytest.mark.parametrize(("name", "num_res", "clusters", "extra", "measured"), [
    ("model_1_ptm", 256, 1, 1, 0.65), ("model_1_ptm", 512, 1, 1, 1.76), ("model_1_ptm", 256, 128, 1024, 0.97),
    ("model_1_ptm", 256, 508, 5120, 2.00), ("tiny", 512, 1, 1, 1.55),
])  # fmt: skip
def test_the_estimate_is_near_measured_peaks(name, num_res, clusters, extra, measured):
    estimate = peak_bytes(model_config(name), num_res=num_res, num_clusters=clusters, num_extra=extra) / GIB
    assert measured - 0.05 < estimate < measured + 0.6


def test_a_run_that_cannot_fit():
    config = model_config("model_1_ptm")
    peak = peak_bytes(config, num_res=100_000, num_clusters=1, num_extra=1)
    with pytest.raises(TargetError, match="100000 residues"):
        check_fits(peak, CPU, num_res=100_000)
    check_fits(1.0, CPU, num_res=1)


def test_free_memory_is_the_tightest_limit(monkeypatch, tmp_path):
    for name, text in {
        "memory.max": "3000000\n",
        "memory.current": "2000000\n",
        "memory.stat": "inactive_file 500\n",
    }.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(device, "_cgroups", lambda: [(tmp_path, "memory.max", "memory.current")])
    assert device.free_bytes(CPU) == 1_000_500
    (tmp_path / "memory.max").write_text("max\n")
    assert device.free_bytes(CPU) > 1_000_500


def test_address_space_limits_count(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2**60, 2**60))
    assert 0 < device._address_space() < 2**60
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert device._address_space() is None


def test_what_counts_as_out_of_memory():
    with pytest.raises(RuntimeError) as refused:
        torch.empty(2**60)
    assert is_out_of_memory(refused.value)
    assert is_out_of_memory(MemoryError()) and is_out_of_memory(torch.OutOfMemoryError())
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
