import pytest

from alphafold_lite.predict.predictor import Predictor


@pytest.fixture(scope="session")
def predictor():
    """An untrained network, loaded once."""
    return Predictor("random:0", num_recycles=1, relax="none", device="cpu")


@pytest.fixture(scope="session")
def result(predictor):
    """Its best result for a short chain."""
    return predictor.fold("MQIFVKTLTG")
