from dataclasses import fields
from typing import get_type_hints

import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.predict.settings import Settings, SettingsKeywords, parse_max_msa, parse_models


def test_keywords_are_the_fields():
    assert get_type_hints(SettingsKeywords) == get_type_hints(Settings)
    assert set(get_type_hints(Settings)) == {field.name for field in fields(Settings)}


@pytest.mark.parametrize("wrong", [
    {"num_recycles": -1}, {"num_recycles": 101}, {"num_seeds": 0}, {"seed": -1}, {"recycle_tolerance": -0.1},
    {"recycle_tolerance": float("nan")}, {"recycle_tolerance": float("inf")}, {"models": ()}, {"models": ("model_1", "model_1")},
    {"max_clusters": 0}, {"max_extra": 0}, {"device": "tpu"}, {"precision": "fp16"}, {"relax": "worst"},
])  # fmt: skip
def test_values_out_of_range(wrong):
    with pytest.raises(InputError):
        Settings(**wrong)


def test_models():
    assert parse_models("model_1_ptm, model_3") == ("model_1_ptm", "model_3")
    assert parse_models("all") == tuple(f"model_{number}_ptm" for number in range(1, 6))


def test_max_msa():
    assert parse_max_msa("128:512") == (128, 512)
    for text in ("128", "1:2:3", "a:b", "-1:2", "1.5:2", ":", ""):
        with pytest.raises(InputError, match="CLUSTERS:EXTRA"):
            parse_max_msa(text)
