import json

import pytest

from alphafold_lite import presets
from alphafold_lite.common.errors import InputError
from alphafold_lite.model.config import ModelConfig
from tests.support.random_inputs import small_config


@pytest.mark.parametrize("name", [*presets.official_names(), "tiny"])
def test_presets_survive_json(name):
    config = presets.model_config(name)
    assert ModelConfig.from_json_dict(json.loads(json.dumps(config.to_json_dict()))) == config


def test_unknown_fields_and_wrong_types_are_refused():
    values = small_config().to_json_dict()
    with pytest.raises(InputError, match="unknown"):
        ModelConfig.from_json_dict({**values, "surprise": 1})
    with pytest.raises(InputError, match="pair_channels"):
        ModelConfig.from_json_dict({**values, "pair_channels": "128"})
