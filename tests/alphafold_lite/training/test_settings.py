import json
from dataclasses import dataclass, field
from typing import Literal

import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.training.config import TrainingConfig
from alphafold_lite.training.presets import PRESETS
from alphafold_lite.training.settings import from_plain, override, to_plain


@dataclass(frozen=True, kw_only=True)
class Inner:
    number: int = 1
    names: tuple[str, ...] = ("a",)


@dataclass(frozen=True, kw_only=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    maybe: Inner | None = None
    rate: float = 0.5
    mode: Literal["fast", "slow"] = "fast"
    pair: tuple[int, float] = (1, 2.0)
    on: bool = False


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name):
    config = PRESETS[name]()
    text = json.dumps(to_plain(config))
    assert from_plain(TrainingConfig, json.loads(text)) == config


def test_records_of_runs_from_before_adaptation_can_be_read():
    config = PRESETS["lite"]()
    plain = to_plain(config)
    del plain["adaptation"], plain["validation"]["one_of_cluster"]
    assert from_plain(TrainingConfig, plain) == config


def test_values_are_set_by_dotted_name():
    changed = override(
        Outer(),
        ["inner.number=3", "inner.names=['b', 'c']", "rate=2", "mode=slow", "pair=(4, 5)", "on=true", "maybe=none"],
    )
    assert changed.inner == Inner(number=3, names=("b", "c"))
    assert (changed.rate, changed.mode, changed.pair, changed.on) == (2.0, "slow", (4, 5.0), True)
    assert isinstance(changed.rate, float) and isinstance(changed.pair[1], float)


def test_settings_that_must_fit_each_other_are_changed_together():
    for changes in (["step.micro_batch=6", "step.batch_size=6"], ["step.batch_size=6", "step.micro_batch=6"]):
        step = override(PRESETS["cpu_small"](), changes).step
        assert (step.micro_batch, step.batch_size) == (6, 6)


def test_a_group_can_be_set_as_a_whole():
    assert override(Outer(), ["maybe={'number': 7}"]).maybe == Inner(number=7)


@pytest.mark.parametrize(
    "assignment, words",
    [
        ("rate", "name=value"),
        ("inner.numbr=1", "did you mean number"),
        ("inner.number=1.5", "int at inner.number"),
        ("on=1", "bool at on"),
        ("mode=medium", "fast, slow"),
        ("pair=(1,)", "2 values"),
        ("rate.x=1", "set rate itself"),
        ("inner=3", "group of settings"),
        ("inner.names=word", "a list"),
    ],
)
def test_what_does_not_fit_is_named(assignment, words):
    with pytest.raises(InputError, match=words.replace(".", r"\.")):
        override(Outer(), [assignment])
