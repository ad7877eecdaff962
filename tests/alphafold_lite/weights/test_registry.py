"""What `--params` may be, and what is said when it leads nowhere."""

import hashlib
import shutil

import numpy as np
import pytest
import torch

from alphafold_lite.common.errors import InputError, MissingResourceError
from alphafold_lite.kernels.reference import reference
from alphafold_lite.presets import model_config, tiny
from alphafold_lite.weights import locations
from alphafold_lite.weights.checkpoint import Checkpoint, save_checkpoint
from alphafold_lite.weights.locations import VARIABLE
from alphafold_lite.weights.registry import AUTO, resolve
from tests.support.reference import REFERENCE

RECORDED = REFERENCE / "model_1_ptm" / "tiny_params.npz"
OPENFOLD = REFERENCE / "openfold" / "model_1_ptm_small.pt"


@pytest.fixture
def nowhere(tmp_path) -> dict[str, str]:
    """An environment without parameters."""
    return {"HOME": str(tmp_path / "home"), "XDG_DATA_HOME": str(tmp_path / "home")}


def small_config(name):
    """Presets for files of the recorded sizes that bear official names."""
    return resolve(str(REFERENCE / _FOLDERS[name] / "tiny_params.npz"), (), model_config)[0].config


_FOLDERS = {
    "model_1_ptm": "model_1_ptm",
    "model_2_ptm": "model_1_ptm",
    "model_3": "model_3",
    "model_5_ptm": "model_5_ptm",
}


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "parameters"
    place.mkdir()
    for name, source in _FOLDERS.items():
        shutil.copy(REFERENCE / source / "tiny_params.npz", place / f"params_{name}.npz")
    return place


def test_random(nowhere):
    (source,) = resolve("random:3", ("model_1_ptm",), model_config, environment=nowhere)
    assert (source.kind, source.untrained, source.preset) == ("random", True, "tiny")
    assert source.name == "untrained_tiny" and source.origin == "random:3" and source.config == tiny()
    model = source.load(reference())
    again = resolve("random:3", (), model_config)[0]
    other = resolve("random:4", (), model_config)[0]
    assert source.sha256 == again.sha256 != other.sha256
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.load(reference()).parameters(), strict=True))
    assert not torch.equal(model.evoformer.single.weight, other.load(reference()).evoformer.single.weight)
    assert not model.training


def test_random_of_another_preset():
    (source,) = resolve("random:0:model_3", (), model_config)
    assert source.name == "untrained_model_3" and source.config == model_config("model_3")


@pytest.mark.parametrize("text", ["random:", "random:x", "random:-1", "random:1.5", "random:²", f"random:{2**64}"])
def test_bad_seed(text):
    with pytest.raises(InputError, match="random:0"):
        resolve(text, (), model_config)


def test_official_file_by_another_name():
    (source,) = resolve(str(RECORDED), ("model_1_ptm",), model_config)
    assert (source.name, source.kind, source.preset) == ("tiny_params", "official", None)
    assert not source.untrained and source.license == "not stated"
    assert source.sha256 == hashlib.sha256(RECORDED.read_bytes()).hexdigest()
    model = source.load(reference())
    with np.load(RECORDED, allow_pickle=False) as arrays:
        bias = arrays["alphafold/alphafold_iteration/distogram_head/half_logits//bias"]
    assert np.array_equal(model.heads.distogram.logits.bias.detach().numpy(), bias)


def test_openfold_file_loads_to_the_same_model():
    (official,) = resolve(str(RECORDED), (), model_config)
    (openfold,) = resolve(str(OPENFOLD), (), model_config)
    assert (openfold.name, openfold.kind) == ("model_1_ptm_small", "openfold")
    assert openfold.config == official.config
    ours, theirs = (source.load(reference()).parameters() for source in (official, openfold))
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_own_checkpoint(tmp_path, tiny, nowhere):
    about = Checkpoint(config=tiny.config, name="Mine/é 1", license="CC0", untrained=True)
    save_checkpoint(tmp_path / "mine.safetensors", tiny, about)
    for params, environment in ((str(tmp_path / "mine.safetensors"), nowhere), ("mine", {VARIABLE: str(tmp_path)})):
        (source,) = resolve(params, ("model_1_ptm",), model_config, environment=environment)
        assert (source.name, source.kind, source.license, source.untrained) == ("Mine_1", "checkpoint", "CC0", True)
        model = source.load(reference())
        assert all(torch.equal(a, b) for a, b in zip(tiny.parameters(), model.parameters(), strict=True))


def test_folder_and_default_places(folder, tmp_path, nowhere):
    names = ("model_5_ptm", "model_1_ptm")
    data = tmp_path / "home" / "alphafold_lite"
    data.mkdir(parents=True)
    for params, environment in (
        (str(folder), nowhere),
        (None, {VARIABLE: str(folder)}),
        (None, {**nowhere, VARIABLE: str(folder)}),
    ):
        sources = resolve(params, names, small_config, environment=environment)
        assert [source.name for source in sources] == list(names)
        assert {source.license for source in sources} == {"CC BY 4.0"}
    shutil.copytree(folder, data / "params" / "params")
    (source,) = resolve(None, ("model_3",), small_config, environment=nowhere)
    assert source.name == source.preset == "model_3" and source.config.template is None
    assert source.load(reference()).template_embedder is None


def test_everything_in_a_folder(folder):
    sources = resolve(str(folder), (), small_config)
    assert [source.name for source in sources] == ["model_1_ptm", "model_2_ptm", "model_3", "model_5_ptm"]


def test_model_by_name(folder):
    (source,) = resolve("model_3", ("model_1_ptm",), small_config, environment={VARIABLE: str(folder)})
    assert source.name == "model_3"


@pytest.fixture
def bundled(tmp_path, tiny, monkeypatch):
    """A bundled model."""
    about = Checkpoint(
        config=tiny.config, name="lite", license="CC BY 4.0", untrained=False, caution="small", learnt_library=True
    )
    monkeypatch.setattr(locations, "BUNDLED", tmp_path / "lite.safetensors")
    save_checkpoint(locations.BUNDLED, tiny, about)
    return locations.BUNDLED


def test_without_official_parameters_the_bundled_model_is_taken(bundled, folder, nowhere):
    for params, models in ((None, AUTO), ("lite", AUTO), ("lite", ("model_1_ptm",))):
        (source,) = resolve(params, models, small_config, environment=nowhere)
        assert (source.name, source.path, source.caution) == ("lite", bundled, "small") and source.learnt_library
    for environment in ({VARIABLE: str(folder)}, {**nowhere, VARIABLE: str(folder)}):
        (source,) = resolve(None, AUTO, small_config, environment=environment)
        assert source.name == "model_1_ptm" and source.caution == "" and not source.learnt_library
    # asked for by name: nothing else will do
    missing(None, ("model_1_ptm",), nowhere, "alphafold_params_2022-12-06.tar")
    (bundled.parent / "empty").mkdir()
    missing(None, AUTO, {VARIABLE: str(bundled.parent / "empty")}, "params_model_1_ptm.npz")


def test_auto_takes_the_only_model_of_a_folder(bundled, folder, tmp_path, nowhere):
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(bundled, alone / "own.safetensors")
    (source,) = resolve(str(alone), AUTO, small_config, environment=nowhere)
    assert source.path == alone / "own.safetensors"
    (source,) = resolve(str(folder), AUTO, small_config, environment=nowhere)
    assert source.name == "model_1_ptm"


def test_variable_that_names_a_file(folder):
    (source,) = resolve(
        None, ("model_1_ptm",), small_config, environment={VARIABLE: str(folder / "params_model_3.npz")}
    )
    assert source.name == "model_3"


def missing(params, models, environment, *words):
    with pytest.raises(MissingResourceError) as caught:
        resolve(params, models, model_config, environment=environment)
    message = str(caught.value)
    assert caught.value.exit_code == 4 and "\n" not in message
    for word in words:
        assert word in message


def test_nothing_found_says_how_to_get_them(nowhere, tmp_path):
    words = ("alphafold_params_2022-12-06.tar", "CC BY 4.0", "--params random:0", VARIABLE, nowhere["XDG_DATA_HOME"])
    missing(None, ("model_1_ptm",), nowhere, "params_model_1_ptm.npz", *words)
    missing(None, (), nowhere, *words)
    missing("model_2", (), nowhere, "params_model_2.npz")
    missing(str(tmp_path), ("model_1",), nowhere, str(tmp_path), "params_model_1.npz")
    missing(str(tmp_path / "absent.npz"), (), nowhere, "absent.npz")
    missing(None, ("model_1",), {VARIABLE: str(tmp_path / "absent")}, VARIABLE)


def test_unknown_model(folder, nowhere):
    for params, models in ((None, ("model_9",)), (str(folder), ("../secret",)), ("modle_1", ())):
        with pytest.raises(InputError, match="model name"):
            resolve(params, models, model_config, environment=nowhere)


def test_file_of_another_kind(tmp_path):
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(InputError, match="official .npz"):
        resolve(str(tmp_path / "x.txt"), (), model_config)


@pytest.mark.parametrize("name", ["params_model_1.npz", "other.npz", "x.pt", "x.safetensors"])
def test_text_under_any_name_is_found_out_at_once(tmp_path, name):
    (tmp_path / name).write_text("hello")
    with pytest.raises(InputError, match=name):
        resolve(str(tmp_path / name), (), model_config)


def test_file_named_after_another_model(folder):
    shutil.copy(folder / "params_model_3.npz", folder / "params_model_1_ptm.npz")
    (source,) = resolve(str(folder), ("model_1_ptm",), small_config)
    with pytest.raises(InputError, match=r"73 missing: .*template_embedding.* and 53 more"):
        source.load(reference())


def test_official_name_on_a_small_file(folder):
    (source,) = resolve(str(folder), ("model_1_ptm",), model_config)
    with pytest.raises(InputError, match="misshapen"):
        source.load(reference())
