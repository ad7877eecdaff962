import pytest

from tests.support.batches import Batches


@pytest.fixture
def batches(tmp_path):
    return Batches(tmp_path)
