"""The own format: same bytes for same content, exact values, header checked, nothing half-written."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from alphafold_lite.common.errors import InputError
from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.alphafold import build
from alphafold_lite.weights.checkpoint import HEADER_KEY, Checkpoint, load_checkpoint, read_header, save_checkpoint


@pytest.fixture
def about(tiny) -> Checkpoint:
    return Checkpoint(
        config=tiny.config,
        name="trial",
        license="CC BY 4.0",
        untrained=True,
        note="random:0",
        step=3,
        caution="small",
        learnt_library=True,
    )


@pytest.fixture
def saved(tmp_path, tiny, about):
    save_checkpoint(tmp_path / "x.safetensors", tiny, about)
    return tmp_path / "x.safetensors"


def test_round_trip(saved, tiny, about):
    assert read_header(saved) == about
    model = load_checkpoint(saved, reference())
    assert model.config == tiny.config and not model.training
    for (name, value), other in zip(tiny.named_parameters(), model.parameters(), strict=True):
        assert torch.equal(value, other), name
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_others_may_read_it_as_any_file(saved):
    plain = saved.with_name("plain")
    plain.write_text("")
    assert saved.stat().st_mode == plain.stat().st_mode


def test_a_network_that_leaves_parts_out(tmp_path, tiny, about):
    config = replace(
        tiny.config,
        evoformer=replace(tiny.config.evoformer, triangle_multiplication=False, triangle_attention_every=2),
        template=None,
    )
    model = build(config, reference())
    save_checkpoint(tmp_path / "x.safetensors", model, replace(about, config=config))
    other = load_checkpoint(tmp_path / "x.safetensors", reference())
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_equal_content_gives_equal_bytes(saved, tiny, about):
    again = saved.with_name("again.safetensors")
    save_checkpoint(again, load_checkpoint(saved, reference()), about)
    assert again.read_bytes() == saved.read_bytes()


def test_equal_bytes_in_another_process(saved):
    program = (
        "import sys; from pathlib import Path; from alphafold_lite.weights.checkpoint import *;"
        "from alphafold_lite.kernels.reference import reference; a, b = map(Path, sys.argv[1:]);"
        "save_checkpoint(b, load_checkpoint(a, reference()), read_header(a))"
    )
    other = saved.with_name("other.safetensors")
    subprocess.run([sys.executable, "-c", program, str(saved), str(other)], check=True)
    assert other.read_bytes() == saved.read_bytes()


def test_lower_precision_is_widened(tmp_path, tiny, about):
    config = tiny.config
    save_checkpoint(tmp_path / "x.safetensors", build(config, reference()).bfloat16(), about)
    model = load_checkpoint(tmp_path / "x.safetensors", reference())
    assert {value.dtype for value in model.parameters()} == {torch.float32}


def test_header_of_another_configuration(tmp_path, tiny, about):
    with pytest.raises(ValueError, match="another configuration"):
        save_checkpoint(tmp_path / "x.safetensors", tiny, replace(about, config=replace(tiny.config, msa_channels=8)))


def test_folder_that_is_a_file(tmp_path, tiny, about):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another folder"):
        save_checkpoint(tmp_path / "file" / "x.safetensors", tiny, about)
    with pytest.raises(InputError, match="choose another folder"):
        save_checkpoint(tmp_path / "absent" / "x.safetensors", tiny, about)


def test_a_failed_write_leaves_the_old_file(saved, tiny, about, monkeypatch):
    before = saved.read_bytes()

    def full(*_args: object, **_keywords: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(InputError, match="No space left"):
        save_checkpoint(saved, tiny, replace(about, step=4))
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def refused(path, words):
    for read in (read_header, lambda p: load_checkpoint(p, reference())):
        with pytest.raises(InputError, match=words) as caught:
            read(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b"text " * 30, lambda b: b[:2000], lambda b: b[:-1], lambda b: b + b"x"]
)
def test_damaged(saved, damage):
    saved.write_bytes(damage(saved.read_bytes()))
    refused(saved, "readable .safetensors file")


def test_no_file(tmp_path):
    refused(tmp_path / "x.safetensors", "no file")


def test_file_of_another_program(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "x.safetensors")
    refused(tmp_path / "x.safetensors", "header that alphafold_lite writes")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2}, "this version reads 1"),
        ({"untrained": "no"}, "bool"),
        ({"name": None}, "str"),
        ({"config": {"width": 3}}, "unknown width"),
        ({"config": {"evoformer": {}}}, "num_blocks"),
        ({"config": {"msa_channels": "many"}}, "msa_channels"),
        ({"config": []}, "header that alphafold_lite writes"),
    ],
)
def test_bad_header(saved, changes, words):
    tensors, header = _contents(saved)
    save_file(tensors, saved, {HEADER_KEY: json.dumps({**header, **changes})})
    refused(saved, words)


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", "3"])
def test_header_that_is_no_json_object(saved, text):
    tensors, _ = _contents(saved)
    save_file(tensors, saved, {HEADER_KEY: text})
    refused(saved, "header that alphafold_lite writes")


def test_parameters_that_do_not_fit_the_header(saved):
    tensors, header = _contents(saved)
    tensors["extra"] = tensors.pop("evoformer.single.bias")
    tensors["heads.pae.logits.bias"] = torch.zeros(3)
    save_file(tensors, saved, {HEADER_KEY: json.dumps(header)})
    with pytest.raises(InputError, match="1 missing: evoformer.single.bias; 1 unused: extra; 1 misshapen: heads.pae"):
        load_checkpoint(saved, reference())


def _contents(path):
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()[HEADER_KEY])  # noqa: SIM118
